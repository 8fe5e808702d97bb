"""The mixer's effects as textbooks write them down: a sample at a time, in plain Python, with a value of each parameter
for each sample. They share no code with the mixer but for the noise that its spaces are made of.

Each takes the sound `[2, n]`, the parameters by name `[n]` and the choices, and answers the wet sound, in time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.linalg
import scipy.signal
from numpy.typing import NDArray

from services.processing.mixing.effects.impulse import impulse

Audio = NDArray[np.float64]
Curves = Mapping[str, Audio]
Effect = Callable[[Audio, Curves, Mapping[str, Any], float], Audio]

_BUTTERWORTH = math.sqrt(0.5)


def _late(values: Audio, frames: int) -> Audio:
    """As it was so many samples ago; longer by as many. Before its beginning it was as it began."""
    return np.concatenate((np.repeat(values[..., :1], frames, axis=-1), values), axis=-1)


def _zeros_behind(audio: Audio, frames: int) -> Audio:
    return np.pad(audio, ((0, 0), (0, frames)))


def _share(milliseconds: float, rate: float) -> float:
    """What a one-pole filter moves in a sample: 63 % of a step in that time."""
    return 1.0 - math.exp(-1.0 / (0.001 * milliseconds * rate))


def _db(power: float) -> float:
    return 10.0 * math.log10(power) if power > 1e-12 else -120.0


def _svf(x: Audio, hz: Audio, k: Audio, rate: float, warp: Audio | None = None) -> tuple[Audio, Audio, Audio]:
    """High, band and low of a state-variable filter (Zavalishin, "The Art of VA Filter Design", section 4.4)."""
    high, band, low = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    for c in range(2):
        s1 = s2 = 0.0
        for i in range(x.shape[1]):
            g = math.tan(math.pi * min(hz[i] / rate, 0.49)) * (1.0 if warp is None else warp[i])
            high[c, i] = (x[c, i] - (k[i] + g) * s1 - s2) / (1.0 + g * (g + k[i]))
            band[c, i] = g * high[c, i] + s1
            low[c, i] = g * band[c, i] + s2
            s1 = 2.0 * band[c, i] - s1
            s2 = 2.0 * low[c, i] - s2
    return high, band, low


def equalizer(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """Six sections in series; bells and shelves as mixes of the three outputs."""
    for n in range(1, 7):
        hz, gain_db, q = (p[f"band{n}_{what}"] for what in ("frequency_hz", "gain_db", "q"))
        a, shape = 10.0 ** (gain_db / 40.0), choices[f"band{n}_shape"]
        if shape == "off":
            continue
        k = 1.0 / (q * a) if shape == "bell" else 1.0 / q
        warp = {"low_shelf": 1.0 / np.sqrt(a), "high_shelf": np.sqrt(a)}.get(shape)
        high, band, low = _svf(x, hz, k, rate, warp)
        mixes = {
            "bell": (1.0, k * a * a, 1.0),
            "low_shelf": (1.0, k * a, a * a),
            "high_shelf": (a * a, k * a, 1.0),
            "notch": (1.0, 0.0, 1.0),
            "low_cut": (1.0, 0.0, 0.0),
            "high_cut": (0.0, 0.0, 1.0),
        }
        x = sum(share * part for share, part in zip(mixes[shape], (high, band, low), strict=True))
    return x


def _cut(which: int) -> Effect:
    def filtered(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
        pairs = int(choices["slope"]) // 12
        # Butterworth's pole pairs; the parameter moves the sharpest.
        qs = sorted(1.0 / (2.0 * math.sin(math.pi * (2 * n + 1) / (4 * pairs))) for n in range(pairs))
        for n, q in enumerate(qs):
            ks = 1.0 / (q * (p["q"] / _BUTTERWORTH if n == pairs - 1 else np.ones_like(p["q"])))
            x = _svf(x, p["frequency_hz"], ks, rate)[which]
        return x

    return filtered


def _reduction(levels_db: Audio, p: Curves, rate: float, knee: Audio, depth: Audio | None = None) -> Audio:
    """Giannoulis, Massberg and Reiss (2012), equation 4, smoothed by attack and release, in dB."""
    out, now = np.empty(len(levels_db)), 0.0
    for i, level in enumerate(levels_db):
        over, slope, w = level - p["threshold_db"][i], 1.0 - 1.0 / p["ratio"][i], knee[i]
        wanted = slope * over if 2.0 * over >= w else slope * (over + w / 2) ** 2 / (2 * w) if 2.0 * over > -w else 0.0
        if depth is not None:
            wanted = min(wanted, -depth[i])
        now += (wanted - now) * _share(p["attack_ms" if wanted > now else "release_ms"][i], rate)
        out[i] = now
    return out


def compressor(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """Its look-ahead: decided early, done in time."""
    ahead = round(float(choices["lookahead_ms"]) * rate / 1_000.0)
    levels = np.array([_db(float(power)) for power in (_zeros_behind(x, ahead) ** 2).max(axis=0)])
    late = {name: _late(values, ahead) for name, values in p.items()}
    reduction = _reduction(levels, late, rate, late["knee_db"])[ahead:]
    return x * 10.0 ** ((p["makeup_db"] - reduction) / 20.0)


def multiband_compressor(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """Linkwitz–Riley: two Butterworth filters each; the low band is turned in phase like the other two."""
    ks = np.full(x.shape[1], 1.0 / _BUTTERWORTH)
    low_hz, high_hz = p["low_crossover_hz"], p["high_crossover_hz"]
    above, _, below = _svf(x, low_hz, ks, rate)
    below, above = _svf(below, low_hz, ks, rate)[2], _svf(above, low_hz, ks, rate)[0]
    top, _, middle = _svf(above, high_hz, ks, rate)
    middle, top = _svf(middle, high_hz, ks, rate)[2], _svf(top, high_hz, ks, rate)[0]
    high, band, low = _svf(below, high_hz, ks, rate)
    bands = {"low": high - ks * band + low, "mid": middle, "high": top}
    out = np.zeros_like(x)
    for name, part in bands.items():
        levels = np.array([_db(float(power)) for power in (part**2).max(axis=0)])
        own = {what: p[f"{name}_{what}"] for what in ("threshold_db", "ratio", "attack_ms", "release_ms")}
        reduction = _reduction(levels, own, rate, np.full(x.shape[1], 6.0))
        out += part * 10.0 ** ((p[f"{name}_gain_db"] - reduction) / 20.0)
    return out


def _held(x: Audio, rate: float) -> list[float]:
    """The louder side's power, which falls by e in 10 ms."""
    now, out = 0.0, []
    for power in (x**2).max(axis=0):
        now = max(float(power), now * math.exp(-1.0 / (0.010 * rate)))
        out.append(now)
    return out


def gate(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """Opens at the threshold, stays open above threshold less hysteresis and for the hold time."""
    gain, is_open, left, out = 0.0, False, 0.0, np.empty(x.shape[1])
    for i, level in enumerate(_held(x, rate)):
        hold = p["hold_ms"][i] * rate / 1_000.0
        if level >= 10.0 ** (p["threshold_db"][i] / 10.0):
            is_open, left = True, hold
        elif is_open and level >= 10.0 ** ((p["threshold_db"][i] - p["hysteresis_db"][i]) / 10.0):
            left = max(left, hold)
        elif left > 0.0:
            left -= 1.0
        else:
            is_open = False
        closed = 10.0 ** (p["range_db"][i] / 20.0) if p["range_db"][i] > -96.0 else 0.0
        target = 1.0 if is_open else closed
        gain += (target - gain) * _share(p["attack_ms" if target > gain else "release_ms"][i], rate)
        out[i] = gain
    return x * out


def expander(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """A compressor upside down, never more than its range."""
    now, out = 0.0, np.empty(x.shape[1])
    for i, level in enumerate(_held(x, rate)):
        under, slope, w = p["threshold_db"][i] - _db(level), p["ratio"][i] - 1.0, p["knee_db"][i]
        wanted = (
            slope * under if 2.0 * under >= w else slope * (under + w / 2) ** 2 / (2 * w) if 2.0 * under > -w else 0.0
        )
        wanted = min(wanted, -p["range_db"][i])
        now += (wanted - now) * _share(p["attack_ms" if wanted < now else "release_ms"][i], rate)
        out[i] = now
    return x * 10.0 ** (-out / 20.0)


def de_esser(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """What stands above half of the frequency, at 6 dB an octave, is turned down by what is heard above it."""
    hz = p["frequency_hz"]
    found = _svf(x, hz, np.full(x.shape[1], 1.0 / _BUTTERWORTH), rate)[0]
    high = np.empty_like(x)
    for c in range(2):
        s = 0.0
        for i in range(x.shape[1]):
            g = math.tan(0.5 * math.pi * min(hz[i] / rate, 0.49))
            low = (g * x[c, i] + s) / (1.0 + g)
            high[c, i] = x[c, i] - low
            s = 2.0 * low - s
    levels = np.array([_db(power) for power in _held(found, rate)])
    reduction = _reduction(levels, p, rate, np.full(x.shape[1], 4.0), p["range_db"])
    return x - (1.0 - 10.0 ** (-reduction / 20.0)) * high


def limiter(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """Of what stays below its ceiling: the input gain."""
    return x * 10.0 ** (p["gain_db"] / 20.0)


def transient_shaper(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """Quick against slow envelopes, in dB: a rise is an attack, a long fall is a sustain."""
    quick = slow = short = long = -120.0
    gain, out = 0.0, np.empty(x.shape[1])
    for i, power in enumerate((x**2).max(axis=0)):
        level, speed = _db(float(power)), p["speed"][i]
        rise, late_rise = _share(1.0 / speed, rate), _share(20.0 / speed, rate)
        fall, late_fall = _share(40.0 / speed, rate), _share(400.0 / speed, rate)
        quick += (level - quick) * (rise if level > quick else fall)
        slow += (level - slow) * (late_rise if level > slow else fall)
        short += (level - short) * (rise if level > short else fall)
        long += (level - long) * (rise if level > long else late_fall)
        wanted = p["attack_db"][i] * min(max(quick - slow, 0.0) / 10.0, 1.0)
        wanted += p["sustain_db"][i] * min(max(long - short, 0.0) / 10.0, 1.0)
        gain += (wanted - gain) * _share(1.0, rate)
        out[i] = gain
    return x * 10.0 ** (out / 20.0)


def saturation(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """The curve "tape" at four times the rate: 97 taps up, 97 down, 24 samples in all."""
    taps = np.sinc(0.94 * np.arange(-48, 49) / 4) * np.kaiser(97, 8.0)
    taps /= taps.sum()
    frames = x.shape[1] + 24
    driven = 10.0 ** (_late(p["drive_db"], 12)[: x.shape[1] + 12] / 20.0)
    driven = np.repeat(np.pad(driven, (0, 12), mode="edge"), 4)
    out, now = np.empty((2, frames)), np.zeros(2)
    for c in range(2):
        up = driven * scipy.signal.upfirdn(4.0 * taps, _zeros_behind(x, 24)[c], up=4)[: 4 * frames]
        bent = up / np.sqrt(1.0 + up * up)
        out[c] = scipy.signal.upfirdn(taps, bent, down=4)[:frames]
    tones, gains = _late(p["tone_hz"], 24), 10.0 ** (_late(p["output_db"], 24) / 20.0)
    for i in range(frames):
        share = 1.0 if tones[i] >= 20_000.0 else 1.0 - math.exp(-2.0 * math.pi * tones[i] / rate)
        now += (out[:, i] - now) * share
        out[:, i] = now * gains[i]
    return out[:, 24:]


def bitcrusher(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """A sample is taken each time the slower clock comes round, and rounded."""
    out, due, held = np.empty_like(x), 1.0, np.zeros(2)
    for i in range(x.shape[1]):
        due += p["rate_hz"][i] / rate
        if due >= 1.0:
            due -= math.floor(due)
            steps = 2.0 ** (p["bits"][i] - 1.0)
            held = np.rint(x[:, i] * steps) / steps
        out[:, i] = held
    return out


def _between(line: Audio, place: float) -> float:
    """A cubic Hermite spline through the samples, with Catmull's and Rom's slopes."""
    whole = math.floor(place)
    x = place - whole
    a, b, c, d = (float(line[whole + n]) if 0 <= whole + n < len(line) else 0.0 for n in (-1, 0, 1, 2))
    slope, next_slope = (c - a) / 2, (d - b) / 2
    h = x * x * (3 - 2 * x)
    return b * (1 - h) + c * h + slope * x * (1 - x) ** 2 - next_slope * x * x * (1 - x)


def modulated_delay(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """Chorus and flanger: a line whose length an oscillator moves, with feedback."""
    out, lines, phase = np.empty_like(x), np.zeros_like(x), 0.0
    for i in range(x.shape[1]):
        for c in range(2):
            turn = math.sin(2 * math.pi * (phase + c * p["stereo_degrees"][i] / 360.0))
            behind = max(2.0, (p["delay_ms"][i] + p["depth_ms"][i] * turn) * rate / 1_000.0)
            out[c, i] = _between(lines[c], i - behind)
            lines[c, i] = x[c, i] + p["feedback"][i] * out[c, i]
        phase += p["rate_hz"][i] / rate
    return out


def phaser(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """First-order all-passes in a row, whose corner swings by octaves, with feedback."""
    stages = int(choices["stages"])
    out, memory, last, phase = np.empty_like(x), np.zeros((2, stages)), np.zeros(2), 0.0
    for i in range(x.shape[1]):
        for c in range(2):
            turn = math.sin(2 * math.pi * (phase + c * p["stereo_degrees"][i] / 360.0))
            hz = p["frequency_hz"][i] * 2.0 ** (p["depth_octaves"][i] * turn)
            g = math.tan(math.pi * min(hz / rate, 0.49))
            value = x[c, i] + p["feedback"][i] * last[c]
            for k in range(stages):
                low = (g * value + memory[c, k]) / (1.0 + g)
                memory[c, k] = 2.0 * low - memory[c, k]
                value = 2.0 * low - value
            out[c, i] = last[c] = value
        phase += p["rate_hz"][i] / rate
    return out


def tremolo(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """A cosine between one and one less the depth."""
    phase = np.concatenate(([0.0], np.cumsum(p["rate_hz"] / rate)[:-1]))
    sides = np.stack((phase, phase + p["stereo_degrees"] / 360.0))
    return x * (1.0 - p["depth"] * (0.5 - 0.5 * np.cos(2 * np.pi * sides)))


def delay(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """Echoes through a low-pass and a high-pass of one pole each, which feed back."""
    out, lines, lows, cuts = np.empty_like(x), np.zeros_like(x), np.zeros(2), np.zeros(2)
    for i in range(x.shape[1]):
        behind = max(2.0, p["time_ms"][i] * rate / 1_000.0)
        high = 1.0 - math.exp(-2 * math.pi * p["high_cut_hz"][i] / rate) if p["high_cut_hz"][i] < 20_000.0 else 1.0
        low = 1.0 - math.exp(-2 * math.pi * p["low_cut_hz"][i] / rate) if p["low_cut_hz"][i] > 20.0 else 0.0
        for c in range(2):
            lows[c] += (_between(lines[c], i - behind) - lows[c]) * high
            cuts[c] += (lows[c] - cuts[c]) * low
            out[c, i] = lows[c] - (cuts[c] if low else 0.0)
            lines[c, i] = x[c, i] + p["feedback"][i] * out[c, i]
    return out


def convolution_reverb(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """The whole response at once, then a low-pass and a high-pass of one pole each."""
    response = impulse(str(choices["space"]), float(choices["decay_seconds"]), round(rate))
    wait = round(float(choices["predelay_ms"]) * rate / 1_000.0)
    wet = np.stack([scipy.signal.fftconvolve(x[c], response[c]) for c in range(2)])
    wet = np.pad(wet, ((0, 0), (wait, 0)))[:, : x.shape[1]]
    high, low, out = np.zeros(2), np.zeros(2), np.empty_like(x)
    for i in range(x.shape[1]):
        high += (wet[:, i] - high) * (1.0 - math.exp(-2 * math.pi * p["high_cut_hz"][i] / rate))
        low += (high - low) * (1.0 - math.exp(-2 * math.pi * p["low_cut_hz"][i] / rate))
        out[:, i] = high - low
    return out


def reverb(x: Audio, p: Curves, choices: Mapping[str, Any], rate: float) -> Audio:
    """Jot's and Chaigne's network: two all-passes a side, eight lines that sway, a Hadamard matrix."""
    size, n = float(choices["size"]), x.shape[1]
    lengths = np.rint(np.array([0.0297, 0.0353, 0.0397, 0.0439, 0.0491, 0.0547, 0.0599, 0.0673]) * size * rate)
    dense = np.rint(np.array([[0.0047, 0.0127], [0.0036, 0.0093]]) * size * rate).astype(int)
    wait = round(float(choices["predelay_ms"]) * rate / 1_000.0)
    x = np.pad(x, ((0, 0), (wait, 0)))[:, :n]
    grid = np.arange(0, n + 64, 32)
    turns = 2 * np.pi * np.array([0.31, 0.43, 0.53, 0.67, 0.37, 0.47, 0.59, 0.71]) / rate
    sway = np.stack([np.interp(np.arange(n), grid, np.sin(grid * turn)) for turn in turns])
    matrix = scipy.linalg.hadamard(8) / math.sqrt(8.0)
    lines, passes, out = np.zeros((8, n)), np.zeros((2, 2, n)), np.empty_like(x)
    cuts, lows = np.zeros(2), np.zeros(8)
    for i in range(n):
        gains = 10.0 ** (-3.0 * lengths / (rate * p["decay_seconds"][i]))
        square = float(np.mean(gains**2))
        cuts += (x[:, i] - cuts) * (1.0 - math.exp(-2 * math.pi * p["low_cut_hz"][i] / rate))
        entering = (x[:, i] - cuts) * 0.5 * math.sqrt((1.0 - square) / max(square, 1e-6))
        for c in range(2):
            for k in range(2):
                stored = passes[c, k, i - dense[c, k]] if i >= dense[c, k] else 0.0
                passes[c, k, i] = entering[c] - 0.6 * stored
                entering[c] = stored + 0.6 * passes[c, k, i]
        swing = p["modulation"][i] * 0.00025 * rate * (1.0 + sway[:, i])
        heard = np.array([_between(lines[k], i - lengths[k] - swing[k]) for k in range(8)])
        damping = 1.0 - math.exp(-2 * math.pi * p["damping_hz"][i] / rate) if p["damping_hz"][i] < 20_000.0 else 1.0
        lows += (heard - lows) * damping
        taps = lows * gains
        left, right = float(taps[::2] @ [1, -1, 1, -1]), float(taps[1::2] @ [1, -1, 1, -1])
        lines[:, i] = matrix @ taps + np.tile(entering, 4)
        middle, side = 0.5 * (left + right), 0.5 * (left - right) * p["width"][i]
        out[:, i] = middle + side, middle - side
    return out


TEXTBOOK: dict[str, Effect] = {
    "equalizer": equalizer,
    "high_pass": _cut(0),
    "low_pass": _cut(2),
    "compressor": compressor,
    "multiband_compressor": multiband_compressor,
    "gate": gate,
    "expander": expander,
    "de_esser": de_esser,
    "limiter": limiter,
    "transient_shaper": transient_shaper,
    "saturation": saturation,
    "bitcrusher": bitcrusher,
    "chorus": modulated_delay,
    "flanger": modulated_delay,
    "phaser": phaser,
    "tremolo": tremolo,
    "delay": delay,
    "convolution_reverb": convolution_reverb,
    "reverb": reverb,
}
