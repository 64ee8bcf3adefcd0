"""Predict: every learned function, batch in, calibrated scores out; may import features, events and below.

To add a model, write one file here and one line in `MODELS`; the contract suite finds it by itself.
"""

MODELS: dict[str, str] = {
    "global_slots": "tactful.models.slot_histogram:GlobalSlots",
    "slot_histogram": "tactful.models.slot_histogram:SlotHistogram",
    "slot_boosted": "tactful.models.slot_boosted:SlotBoosted",
    "slot_model": "tactful.models.served_slots:ServedSlots",
    "response_model": "tactful.models.served_responses:ServedResponses",
    "rank_boosted": "tactful.models.rank_boosted:RankBoosted",
    "ranker": "tactful.models.served_ranker:ServedRanker",
    "click_rate": "tactful.models.click_rate:ClickRate",
    "unsubscribe_rate": "tactful.models.unsubscribe_rate:UnsubscribeRate",
    "simple_curve": "tactful.models.volume_curve:SimpleCurve",
    "volume_response": "tactful.models.volume_response:VolumeResponse",
}
"""Name of a saved model -> "module:Class"; `served` resolves it, so that importing this loads nothing."""
