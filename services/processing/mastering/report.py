"""What is said of a master: before and after by the meters, what was done, and how to compare the two fairly."""

from __future__ import annotations

from typing import Any

from services.processing.mastering.engineer import Mastered


def as_dict(made: Mastered) -> dict[str, Any]:
    """The job's public result: `target`, `before`, `after`, `processing`, `comparison`, `notes`.

    Levels in LUFS, LU, dBTP and dB. `comparison` holds the gains to apply when playing the two against each other, so
    that both sound equally loud and neither is turned up.
    """
    difference = made.after.loudness.integrated_lufs - made.before.loudness.integrated_lufs
    result: dict[str, Any] = {
        "target": {
            "lufs": round(made.target_lufs, 2),
            "true_peak_dbtp": round(made.ceiling_dbtp, 2),
            "met": made.target_met,
        },
        "before": made.before.as_dict(),
        "after": made.after.as_dict(),
        "processing": {
            "gain_db": round(made.gain_db, 2),
            "compression_deepest_db": round(made.compression_deepest_db, 2),
            "clipping_above_ceiling_db": made.clip_db,
            "limiting_deepest_db": round(made.limiting_deepest_db, 2),
            "limiting_mean_db": round(made.limiting_mean_db, 2),
            "matching": None,
            "passes": made.rounds,
        },
        "comparison": {
            "original_gain_db": round(min(0.0, difference), 2),
            "master_gain_db": round(min(0.0, -difference), 2),
        },
        "notes": notes(made),
    }
    if made.curves is not None:
        result["processing"]["matching"] = [
            {"hz": round(hz, 1), "mid_db": round(float(mid), 2), "side_db": round(float(side), 2)}
            for hz, mid, side in zip(made.curves.centres_hz, made.curves.mid_db, made.curves.side_db, strict=True)
        ]
    return result


def notes(made: Mastered) -> list[str]:
    """What a musician should know, in sentences; nothing when all is well."""
    found = []
    loudness = made.after.loudness.integrated_lufs
    if not made.target_met:
        found.append(
            f"{made.target_lufs:g} LUFS is out of reach below {made.ceiling_dbtp:g} dBTP: its peaks are too short and "
            f"too high for that. The master has {loudness:.1f} LUFS."
        )
    if made.limiting_mean_db < -3.0:
        found.append(
            f"The limiter takes {-made.limiting_mean_db:.1f} dB on average; a lower target would sound more open."
        )
    levels = made.before.levels
    if levels.clipped_samples:
        found.append(
            f"The mix was already clipped ({levels.clipped_samples:,} samples at full scale): mastering cannot undo it."
        )
    if levels.dc_offset > 0.001:
        found.append("The mix had a DC offset; it was taken out.")
    if levels.correlation is not None and levels.correlation < 0.0:
        found.append("The channels work against each other: in mono, much of this song will vanish.")
    return found
