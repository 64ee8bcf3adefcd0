"""Readers of the TIN paper's two data sets, on small files of the published format."""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tactful.errors import UnreadableInput

ROOT = Path(__file__).parents[2]
DAY = 86_400
MAY_6 = 1_494_000_000  # 2017-05-06 00:00 in Beijing


@pytest.fixture(autouse=True)
def _recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the recipes importable; they lie beside the package, not inside it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])


def _amazon(folder: Path) -> Path:
    """Three reviewers of five of eight products each; the file is not sorted."""
    (folder / "amazon_electronics").mkdir()
    rows = [
        {"reviewerID": f"A{user}", "asin": f"B{(user + 2 * k) % 8}", "overall": 5.0, "unixReviewTime": DAY * (100 - k)}
        for k in range(5)
        for user in range(3)
    ]
    with gzip.open(folder / "amazon_electronics" / "reviews_Electronics_5.json.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    with gzip.open(folder / "amazon_electronics" / "meta_Electronics.json.gz", "wt") as file:
        for product in range(8):
            paths = [["Electronics", "Old"], ["Electronics", f"Kind {product % 2}"]]
            line = {"asin": f"B{product}", "title": "It's one of eight", "categories": paths}
            file.write(f"{line}\n")
        file.write("{'asin': 'B99', 'categories': [['Electronics', 'Never reviewed']]}\n")
    return folder


def test_amazon_predicts_the_last_review_from_those_before(tmp_path: Path) -> None:
    from responses.data import load

    data = load("amazon", _amazon(tmp_path), tmp_path)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [12, 6, 6]
    assert data.fields == ("item", "category")
    test = data.test.samples
    for row in range(len(test)):
        known = data.test.behaviours.item[test.start[row] : test.end[row]] - 1
        user = int(test.user[row])
        assert known.tolist() == [(user + 2 * k) % 8 for k in (4, 3, 2, 1)]
        owned = {(user + 2 * k) % 8 for k in range(5)}
        assert (int(test.target[row]) - 1 in owned) == (test.label[row] == 1)
    assert (data.test.samples.at_us == DAY * 100 * 1_000_000).all()


def test_amazon_category_is_the_leaf_of_the_last_path(tmp_path: Path) -> None:
    from responses.data import load

    data = load("amazon", _amazon(tmp_path), tmp_path)
    batch = data.train.batch(np.arange(len(data.train)))
    assert data.shape.items[1] == 3  # two kinds, and the unknown
    product = data.train.samples.target - 1
    category = batch.target[:, 1].numpy()
    assert len(set(zip((product % 2).tolist(), category.tolist(), strict=True))) == 2


def test_amazon_line_that_is_no_review_is_named(tmp_path: Path) -> None:
    from responses.data import load

    folder = _amazon(tmp_path) / "amazon_electronics"
    with gzip.open(folder / "reviews_Electronics_5.json.gz", "at") as file:
        file.write('{"reviewerID": "A0", "asin": "B1"}\n')
    with pytest.raises(UnreadableInput, match=r"line 16: .*unixReviewTime"):
        load("amazon", tmp_path, tmp_path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    from responses.data import load

    with pytest.raises(UnreadableInput, match=r"reviews_Electronics_5.json.gz"):
        load("amazon", tmp_path, tmp_path)
    with pytest.raises(UnreadableInput, match=r"user_profile.csv"):
        load("alibaba", tmp_path, tmp_path)


def _alibaba(folder: Path, users: int = 40) -> Path:
    """Every user sees an advertisement on each of eight days, and viewed pages on the days before; user 1 only two."""
    part = folder / "alibaba_display_ads"
    part.mkdir()
    profile = ["userid,cms_segid,cms_group_id,final_gender_code,age_level,pvalue_level,shopping_level,occupation,"]
    profile[0] += "new_user_class_level "
    profile += [f"{user},{user % 5},1,2,3,,3,0," for user in range(users)]
    (part / "user_profile.csv").write_text("\n".join(profile) + "\n")
    ads = ["adgroup_id,cate_id,campaign_id,customer,brand,price"]
    ads += ["7,70,1,1,700,99.0", "8,80,1,2,NULL,5.5"]
    (part / "ad_feature.csv").write_text("\n".join(ads) + "\n")
    shown = ["user,time_stamp,adgroup_id,pid,nonclk,clk"]
    log = ["user,time_stamp,btag,cate,brand"]
    for user in range(users):
        for day in range(8):
            at = MAY_6 + day * DAY + 500
            clicked = (user + day) % 2
            shown.append(f"{user},{at},{7 + clicked},430548_1007,{1 - clicked},{clicked}")
            if user != 1:
                log += [f"{user},{at},pv,{70 + day},700", f"{user},{at + 1},cart,99,999"]
        log += [f"{user},{MAY_6 - 1},pv,70,700", f"{user},{MAY_6 - 2},pv,80,800", f"{user},{MAY_6 - 9 * DAY},pv,1,1"]
    (part / "raw_sample.csv").write_text("\n".join(shown) + "\n")
    (part / "behavior_log.csv").write_text("\n".join(log) + "\n")
    return folder


def test_alibaba_history_is_the_page_views_strictly_before(tmp_path: Path) -> None:
    from responses.data import load

    data = load("alibaba", _alibaba(tmp_path), tmp_path)
    test = data.test
    assert len(test) == len(data.validation) == len(data.train) / 6
    assert 4 <= len(test) <= 20  # a quarter of 40 users
    others = np.flatnonzero(test.samples.user != 1)
    assert set(test.lengths[others]) == {
        2 + 7
    }  # two of 5 May and one of each day before; the view of the instant is not
    batch = test.batch(others)
    assert batch.gap.min() >= 1
    assert (batch.history[:, -1] != batch.history[:, -2]).all()
    assert test.samples.at_us.min() == (MAY_6 + 7 * DAY + 500) * 1_000_000


def test_alibaba_user_of_two_views_has_no_history(tmp_path: Path) -> None:
    from responses.alibaba import _page_views

    views = _page_views(_alibaba(tmp_path) / "alibaba_display_ads" / "behavior_log.csv", np.array([1, 2]))
    assert set(views[:, 0]) == {2}
    assert not (views[:, 2] == 99).any()  # carts are no views
    assert not (views[:, 2] == 1).any()  # before 3 May


def test_alibaba_missing_values_are_ids_of_their_own(tmp_path: Path) -> None:
    from responses.data import load

    data = load("alibaba", _alibaba(tmp_path), tmp_path)
    batch = data.train.batch(np.arange(len(data.train)))
    assert (batch.target > 0).all()  # the advertisement without a brand, too
    level = data.context.index("new_user_class_level")
    assert set(batch.context[:, level].tolist()) == {1}
    assert set(batch.label.tolist()) == {0.0, 1.0}
