import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from laboratory.yardstick import (
    YARDSTICK,
    draw_patients,
    figures,
    specificity_at_recall,
    weighted_auc,
)


def test_specificity_is_measured_at_the_cutoff_that_reaches_the_recall() -> None:
    labels = np.array([1.0] * 100 + [0.0] * 4)
    # The three lowest ill films may be missed; the fourth sets the cutoff at 0.5.
    ill = np.array([0.1, 0.2, 0.3, 0.5] + [0.9] * 96)
    probabilities = np.concatenate([ill, [0.05, 0.4, 0.5, 0.95]])
    assert specificity_at_recall(labels, probabilities, np.ones(104)) == 0.5


def test_weights_count_as_repeated_films() -> None:
    random = np.random.default_rng(0)
    labels = np.tile([0.0, 1.0], 20)
    probabilities = (labels * 0.3 + random.random(40)).round(1)
    weights = random.integers(0, 4, 40)
    repeated = np.repeat(np.arange(40), weights)
    expected = roc_auc_score(labels[repeated], probabilities[repeated])
    assert weighted_auc(labels, probabilities, weights.astype(float)) == pytest.approx(expected)


def test_all_films_of_a_patient_are_drawn_together() -> None:
    labels = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    weights = draw_patients(labels, ["a", "a", "b", "c", "d"], 50)
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[1:, 0] + weights[1:, 2] == 2).all()
    assert (weights[1:, 3] + weights[1:, 4] == 2).all()


def test_the_worst_cells_reveal_a_weakness_that_the_overall_auc_hides() -> None:
    labels = np.tile([0.0, 1.0], 30)
    blocks = np.repeat([0, 1, 2], 20)
    right, wrong = labels * 0.8 + 0.1, labels * 0.8 + 0.1
    wrong[blocks == 2] = 1 - wrong[blocks == 2]  # the last block, in the rendering "vignetted"
    names = ["as it is", "vignetted", "framed in black", "darker"]
    found = figures(labels, blocks, np.stack([right, wrong, right, right], 1), names, np.ones(60))
    assert found["AUC, as they are"] == 1
    assert found["AUC, worst cells"] == pytest.approx(2 / 3)  # one of the worst three cells is 0
    framed = found["AUC, vignetted and framed"]
    assert framed < 1
    assert found[YARDSTICK] == pytest.approx((1 + framed) / 2)
    assert found["AUC, worst renderings"] < 1


def test_a_block_of_which_no_healthy_patient_is_drawn_does_not_count() -> None:
    labels = np.tile([0.0, 1.0], 30)
    blocks = np.repeat([0, 1, 2], 20)
    right = labels * 0.8 + 0.1
    right[blocks == 1] = 0.5
    weights = np.ones(60)
    names = ["as it is", "vignetted", "framed in black"]
    answers = np.stack([right] * 3, 1)
    assert figures(labels, blocks, answers, names, weights)["AUC, worst block as they are"] == 0.5
    weights[(blocks == 1) & (labels == 0)] = 0
    found = figures(labels, blocks, answers, names, weights)
    assert found["AUC, worst block as they are"] == 1
    assert not np.isnan(list(found.values())).any()
