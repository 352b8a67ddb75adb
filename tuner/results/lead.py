"""Whether the lead of the best trial over the baseline is more than seed noise, given how many trials were looked at."""

from __future__ import annotations

from tuner.results.leaderboard import Leaderboard
from tuner.results.significance import LEVEL, beats, corrected, pairs_needed, sign_test


def sentence(board: Leaderboard) -> str | None:
    """For people; None where the baseline is the best, or has nothing at the best trial's epoch.

    The best trial was picked from all that have a valid result, so the p-value is corrected for as many looks.
    """
    history, best = board.history, board.best
    if best is None or best.baseline:
        return None
    trial = history.trial(best.trial)
    theirs = history.baseline.values(trial.compared_epoch) if trial else []
    if not theirs:
        return None
    ours = list(best.values)
    looks = sum(row.valid and not row.baseline for row in board.rows)
    p = sign_test(ours, theirs, history.mode)
    ahead = sum(beats(a, b, history.mode) for a, b in zip(ours, theirs, strict=True))
    counted = f"{ahead} of {len(ours)} paired seeds favour it over the baseline (sign test, two-sided p = {p:.4g})"
    if corrected(p, looks) <= LEVEL:
        many = f", also after correction for {looks} trials looked at" if looks > 1 else ""
        return f"{counted}{many}: more than seed noise."
    needed, alone = pairs_needed(len(ours), looks), pairs_needed(len(ours))
    if p <= LEVEL:
        return (
            f"{counted}, but it is the best of {looks} trials that were compared with it; corrected for these looks "
            f"(Bonferroni), p = {corrected(p, looks):.4g}: these seeds alone do not show that it is more than seed noise."
        )
    if alone is None:
        return f"{counted}: not more than seed noise; {len(ours)} seeds cannot separate two trials at p = {LEVEL}."
    many = f" for one of {looks} trials" if looks > 1 else ""
    rule = f"{needed} would be needed{many}" if needed else f"{len(ours)} seeds cannot show more{many}; fresh seeds can"
    return f"{counted}: not more than seed noise; {rule}."
