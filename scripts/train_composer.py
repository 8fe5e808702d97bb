"""Learn the composer's small models: `python scripts/train_composer.py --groove FOLDER --lieder FOLDER`.

FOLDER are the unpacked Groove MIDI Dataset (with `info.csv`) and OpenScore Lieder corpus (with `scores/`). Writes
`groove.safetensors`, `melody.safetensors` and `MODEL_CARD.md` into the composer's package; takes a few minutes of one
core. The same data give the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from pathlib import Path

import torch
from composer_training import groove, lieder, melody
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "services" / "generation" / "composer" / "learned"
# Every tenth song is kept back.
_HELD_OUT = 10

_CARD = """# The composer's learned parts

Made by `scripts/train_composer.py`. Two sets of integer tables, used by `learned/groove.py` and `learned/melody.py`;
nothing of the data itself is in them or in this repository.

## groove.safetensors: how a drummer plays
Accents and microtiming by style, limb and sixteenth of the bar, the drummer's drift and the limbs' own error.

- Data: Groove MIDI Dataset (Gillick, Roberts, Engel, Eck, Bamman: “Learning to Groove with Inverse Sequence
  Transformations”, ICML 2019), Google LLC, licence CC BY 4.0. Beats in 4/4, the data set's own splits.
- Learned from {groove_takes} performances, {groove_hits:,} strokes; measured on {groove_held:,} strokes of the
  validation and test splits.
- Loss (nats a stroke): timing {timing:.3f} (one bell curve for everything: {timing_plain:.3f}), loudness {touch:.3f}
  ({touch_plain:.3f}).
- Drift: correlation {drift:.2f} from one stroke to the next; {share:.0%} of the timing error is common to all limbs.

## melody.safetensors: how a tune moves over chords
Costs of a pitch by motion, place in the bar, relation to the chord, degree, height and what came before.

- Data: OpenScore Lieder corpus, licence CC0 1.0: voice parts, with chords estimated from the piano.
- Learned from {melody_songs} songs, {melody_notes:,} notes; every {held_out}th song kept back ({melody_held:,} notes).
- Loss (bits a note): {bits:.3f} on songs that were kept back ({bits_training:.3f} on the others); interval
  frequencies alone: {bits_plain:.3f}.

Use: music of any style; the style's own rules stand above the tables. What they cannot do: they know four-four drums
and art-song melodies, nothing of other traditions.

SHA-256: groove {groove_digest}, melody {melody_digest}
"""


def main() -> None:
    """Train both and write the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groove", type=Path, required=True, help="the Groove MIDI Dataset's folder (info.csv)")
    parser.add_argument("--lieder", type=Path, required=True, help="the OpenScore Lieder corpus (scores/)")
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    began = time.monotonic()
    torch.set_num_threads(1)

    takes = list(groove.performances(arguments.groove, "train"))
    held = [hits for split in ("validation", "test") for hits in groove.performances(arguments.groove, split)]
    played = groove.GrooveTables(takes)
    losses = played.losses(held)
    print(f"groove: {losses} after {time.monotonic() - began:.0f} s", flush=True)

    songs = list(lieder.songs(arguments.lieder / "scores"))
    training = [song for number, song in enumerate(songs) if number % _HELD_OUT]
    rows = melody.examples(training)
    held_rows = melody.examples(songs[::_HELD_OUT])
    sung = melody.MelodyTables(rows)
    bits = sung.losses(held_rows, rows)
    bits_training = sung.losses(rows, rows)["bits"]
    print(f"melody: {bits}, {bits_training:.3f} bits in training, after {time.monotonic() - began:.0f} s", flush=True)
    print("intervals 0-12:", [round(float(share), 4) for share in melody.interval_shares(songs)])
    print("durations:", [round(float(share), 4) for share in melody.duration_shares(songs)])

    arguments.out.mkdir(parents=True, exist_ok=True)
    save_file(played.tensors(), arguments.out / "groove.safetensors")
    save_file(sung.tensors(), arguments.out / "melody.safetensors")
    card = _CARD.format(
        groove_takes=len(takes),
        groove_hits=sum(map(len, takes)),
        groove_held=int(losses["hits"]),
        drift=played.drift,
        share=played.drift_share,
        melody_songs=len(training),
        melody_notes=len(rows.target),
        melody_held=int(bits["notes"]),
        held_out=_HELD_OUT,
        bits_training=bits_training,
        groove_digest=_digest(arguments.out / "groove.safetensors"),
        melody_digest=_digest(arguments.out / "melody.safetensors"),
        **{name: losses[name] for name in ("timing", "timing_plain", "touch", "touch_plain")},
        **{name: bits[name] for name in ("bits", "bits_plain")},
    )
    (arguments.out / "MODEL_CARD.md").write_text(card, encoding="utf-8")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
