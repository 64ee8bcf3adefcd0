"""Arms: the policies that are compared in a world, one file each; may import what the simulator may.

To add an arm, write a frozen dataclass that fits `policy.Arm` and one line in `ARMS`; the contract test in
`tests/simulator/test_arms.py` finds it by itself.
"""

ARMS: dict[str, str] = {
    "silence": "tactful.simulator.arms.silence:Silence",
    "nine_oclock": "tactful.simulator.arms.nine_oclock:NineOclock",
    "hand_caps": "tactful.simulator.arms.hand_caps:HandCaps",
    "uniform_personal": "tactful.simulator.arms.uniform_personal:UniformPersonal",
    "tactful": "tactful.simulator.arms.tactful:Tactful",
    "trained": "tactful.simulator.arms.trained:Trained",
}
"""Name of an arm -> "module:Class"."""
