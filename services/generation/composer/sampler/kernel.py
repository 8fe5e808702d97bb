"""The inner loop of the sampler: one voice over one block, compiled.

A voice moves on a grid of `TICK` frames: pitch and filter are set at each tick, gains run in straight lines between
ticks. Envelopes and oscillators are functions of the voice's age, not of what was computed before, so it makes no
difference how a song is cut into blocks as long as blocks start on the grid.

`parameters` and `state` are float64 vectors, indexed by the constants below; times are in frames.
"""

from __future__ import annotations

import math

import numpy as np

from services.generation.composer.sampler.interpolation import HALF_TAPS, PHASES
from services.shared.kernels import kernel

TICK = 32
"""Frames between two updates of pitch, filter and gain."""

MAX_BEND_CENTS = 400.0
"""Channel bend, tape drift included, that a voice may get."""

MAX_STEP_CENTS = 6_000.0
"""Fastest reading of a sample: five octaves above its own pitch."""

# parameters
CENTS = 0  # read speed: 1200 * log2(frames of the sample per output frame)
GAIN = 1
PAN_LEFT = 2
PAN_RIGHT = 3
DELAY = 4
ATTACK = 5
HOLD = 6
DECAY_RATE = 7  # nepers per frame
SUSTAIN = 8  # amplitude
RELEASE_RATE = 9
RELEASE_AGE = 10
CHOKE_AGE = 11
CHOKE_RATE = 12
MOD_DELAY = 13
MOD_ATTACK = 14
MOD_HOLD = 15
MOD_DECAY = 16  # per frame, of full scale
MOD_SUSTAIN = 17
MOD_RELEASE = 18
MOD_ENV_CENTS = 19
MOD_ENV_FILTER = 20
MOD_LFO_DELAY = 21
MOD_LFO_STEP = 22  # cycles per frame
MOD_LFO_CENTS = 23
MOD_LFO_FILTER = 24
MOD_LFO_GAIN = 25  # nepers
VIB_LFO_DELAY = 26
VIB_LFO_STEP = 27
VIB_LFO_CENTS = 28
WHEEL_CENTS = 29
CUTOFF_CENTS = 30
DAMPING = 31  # 1 / Q of the filter
FILTER = 32  # 0: open, 1: fixed, 2: moving
WRAP_START = 33
WRAP_END = 34
END = 35
LOOP_MODE = 36  # 0: none, 1: for ever, 2: until the release
RATE = 37  # output frames per second
PARAMETERS = 38

# state
AGE = 0
POSITION = 1
LAST_GAIN = 2
FILTER_1 = 3
FILTER_2 = 4
STATE = 5

# Frames (up to 2^24) and fraction together fit a float64 exactly, so a position survives its way through the state
# vector.
FRACTION_BITS = 28
_ONE = float(1 << FRACTION_BITS)
_PHASE_SHIFT = FRACTION_BITS - PHASES.bit_length() + 1
_SILENCE = 1e-4
_NEPERS_PER_CENT = math.log(2.0) / 1200.0
_LOWEST_HZ = 8.175798915643707


@kernel(error_model="numpy")
def triangle(age, delay, step):  # type: ignore[no-untyped-def]
    """Low-frequency oscillator: −1…1, starting upwards from 0 after its delay (section 9.1.5)."""
    if age <= delay:
        return 0.0
    phase = ((age - delay) * step) % 1.0
    if phase < 0.25:
        return 4.0 * phase
    if phase < 0.75:
        return 2.0 - 4.0 * phase
    return 4.0 * phase - 4.0


@kernel(error_model="numpy")
def held_level(p, age, floor):  # type: ignore[no-untyped-def]
    """Volume envelope while the key is down: linear attack, hold, then straight in decibels to the sustain level, which
    lies `floor` nepers down."""
    time = age - p[DELAY]
    if time <= 0.0:
        return 0.0
    if time < p[ATTACK]:
        return time / p[ATTACK]
    time -= p[ATTACK] + p[HOLD]
    if time <= 0.0:
        return 1.0
    down = time * p[DECAY_RATE]
    return p[SUSTAIN] if down >= floor else math.exp(-down)


@kernel(error_model="numpy")
def volume_level(p, age, floor, released):  # type: ignore[no-untyped-def]
    """The volume envelope's amplitude at an age, 0…1 (section 9.1.7); `released` is where the release began."""
    if age <= p[RELEASE_AGE]:
        level = held_level(p, age, floor)
    else:
        level = released * math.exp(-(age - p[RELEASE_AGE]) * p[RELEASE_RATE])
    if age > p[CHOKE_AGE]:
        level *= math.exp(-(age - p[CHOKE_AGE]) * p[CHOKE_RATE])
    return level


@kernel(error_model="numpy")
def _held_modulation(p, age):  # type: ignore[no-untyped-def]
    time = age - p[MOD_DELAY]
    if time <= 0.0:
        return 0.0
    if time < p[MOD_ATTACK]:
        # A convex rise (section 9.1.6): straight in decibels over 96 dB.
        return max(0.0, 1.0 + math.log10(time / p[MOD_ATTACK]) * (40.0 / 96.0))
    time -= p[MOD_ATTACK] + p[MOD_HOLD]
    if time <= 0.0:
        return 1.0
    return max(p[MOD_SUSTAIN], 1.0 - time * p[MOD_DECAY])


@kernel(error_model="numpy")
def modulation_level(p, age):  # type: ignore[no-untyped-def]
    """The modulation envelope at an age, 0…1."""
    if age <= p[RELEASE_AGE]:
        return _held_modulation(p, age)
    return max(0.0, _held_modulation(p, p[RELEASE_AGE]) - (age - p[RELEASE_AGE]) * p[MOD_RELEASE])


@kernel(error_model="numpy")
def filter_step(cutoff_cents, rate):  # type: ignore[no-untyped-def]
    """The state-variable filter's frequency coefficient g = tan(π f / rate), f held below 0.45 of the rate."""
    hz = min(_LOWEST_HZ * math.exp(cutoff_cents * _NEPERS_PER_CENT), 0.45 * rate)
    return math.tan(math.pi * hz / rate)


@kernel(fastmath={"contract", "reassoc"})
def _interpolate(data, table, position):  # type: ignore[no-untyped-def]
    """A sample between its frames, at a position with `FRACTION_BITS` bits behind the point."""
    # Unsigned indices spare the compiler a test for negative ones.
    first = np.uint64((position >> FRACTION_BITS) - (HALF_TAPS - 1))
    row = table[np.uint64((position >> _PHASE_SHIFT) & (PHASES - 1))]
    total = np.float32(0.0)
    for tap in range(2 * HALF_TAPS):
        total += data[first + np.uint64(tap)] * row[tap]
    return total


@kernel(error_model="numpy")
def _read(data, table, position, step, wrap_start, wrap_end, end, wraps, out, length):  # type: ignore[no-untyped-def]
    """Fill `out[:length]` from the sample; answers the next position and how many frames there were before the end."""
    limit = wrap_end if wraps else end
    for i in range(length):
        if position >= limit:
            if not wraps:
                for rest in range(i, length):
                    out[rest] = 0.0
                return position, i
            position = wrap_start + (position - wrap_start) % (wrap_end - wrap_start)
        out[i] = _interpolate(data, table, position)
        position += step
    return position, length


@kernel(fastmath={"contract"}, error_model="numpy")
def _read_filtered(  # type: ignore[no-untyped-def]
    data, table, position, step, wrap_start, wrap_end, end, wraps, out, length, g, damping, z1, z2
):
    """`_read` through the trapezoidal state-variable low-pass of Zavalishin, "The Art of VA Filter Design", chapter 4;
    also answers the filter's two states.

    In one loop, so that the next frames are read while one waits for the filter; and the filter is written as one
    linear map of its states, so that it waits for as few results of the frame before as possible.
    """
    k1 = 1.0 / (1.0 + g * (g + damping))
    k2 = g * k1
    k3 = g * k2
    a11, a12, b1 = 2.0 * k1 - 1.0, -2.0 * k2, 2.0 * k2
    a21, a22, b2 = 2.0 * k2, 1.0 - 2.0 * k3, 2.0 * k3
    limit = wrap_end if wraps else end
    read = length
    for i in range(length):
        if position >= limit:
            if wraps:
                position = wrap_start + (position - wrap_start) % (wrap_end - wrap_start)
            else:
                read = i
                break
        x = np.float64(_interpolate(data, table, position))
        position += step
        out[i] = k2 * z1 + (z2 + k3 * (x - z2))
        z1, z2 = a11 * z1 + (a12 * z2 + b1 * x), a22 * z2 + (a21 * z1 + b2 * x)
    for i in range(read, length):
        # Behind the sample's end the filter rings on.
        out[i] = k2 * z1 + (z2 - k3 * z2)
        z1, z2 = a11 * z1 + a12 * z2, a22 * z2 + a21 * z1
    return position, read, z1, z2


@kernel(error_model="numpy")
def render_voice(data, table, p, s, bends, wheel, expression, offset, out):  # type: ignore[no-untyped-def]
    """Add a voice to `out [2, frames]` from frame `offset` on; False when the voice has ended.

    `bends` (cents), `wheel` (0…1) and `expression` (amplitude) hold the channel's controls at each tick of the block,
    ends included: frames / TICK + 1 values.
    """
    frames = out.shape[1]
    age = s[AGE]
    position = np.int64(s[POSITION] * _ONE)
    wrap_start = np.int64(p[WRAP_START]) << FRACTION_BITS
    wrap_end = np.int64(p[WRAP_END]) << FRACTION_BITS
    end = np.int64(p[END]) << FRACTION_BITS
    last_gain = s[LAST_GAIN]
    z1 = s[FILTER_1]
    z2 = s[FILTER_2]
    moving = p[FILTER] == 2.0
    filtering = p[FILTER] != 0.0
    g = filter_step(p[CUTOFF_CENTS], p[RATE]) if filtering and not moving else 0.0
    modulated = p[MOD_ENV_CENTS] != 0.0 or p[MOD_ENV_FILTER] != 0.0
    swinging = p[MOD_LFO_CENTS] != 0.0 or p[MOD_LFO_FILTER] != 0.0 or p[MOD_LFO_GAIN] != 0.0
    left = np.float32(p[PAN_LEFT])
    right = np.float32(p[PAN_RIGHT])
    floor = -math.log(p[SUSTAIN]) if p[SUSTAIN] > 0.0 else math.inf
    released = held_level(p, p[RELEASE_AGE], floor)
    samples = np.empty(TICK, np.float32)
    last_cents = math.inf
    last_cutoff = math.inf
    step = np.int64(0)
    alive = True
    start = offset
    while start < frames and alive:
        tick = start // TICK
        length = min((tick + 1) * TICK, frames) - start
        after = age + length
        if after <= p[DELAY]:
            alive = after <= min(p[RELEASE_AGE], p[CHOKE_AGE])
            age = after
            start += length
            continue
        modulation = modulation_level(p, age) if modulated else 0.0
        swing = triangle(age, p[MOD_LFO_DELAY], p[MOD_LFO_STEP]) if swinging else 0.0
        depth = p[VIB_LFO_CENTS] + wheel[tick] * p[WHEEL_CENTS]
        cents = p[CENTS] + bends[tick] + swing * p[MOD_LFO_CENTS] + modulation * p[MOD_ENV_CENTS]
        if depth != 0.0:
            cents += depth * triangle(age, p[VIB_LFO_DELAY], p[VIB_LFO_STEP])
        if cents != last_cents:
            step = np.int64(math.exp(min(cents, MAX_STEP_CENTS) * _NEPERS_PER_CENT) * _ONE + 0.5)
            last_cents = cents
        wraps = p[LOOP_MODE] == 1.0 or (p[LOOP_MODE] == 2.0 and age < p[RELEASE_AGE])
        if filtering:
            if moving:
                cutoff = p[CUTOFF_CENTS] + swing * p[MOD_LFO_FILTER] + modulation * p[MOD_ENV_FILTER]
                if cutoff != last_cutoff:
                    g = filter_step(cutoff, p[RATE])
                    last_cutoff = cutoff
            position, read, z1, z2 = _read_filtered(
                data, table, position, step, wrap_start, wrap_end, end, wraps, samples, length, g, p[DAMPING], z1, z2
            )
        else:
            position, read = _read(data, table, position, step, wrap_start, wrap_end, end, wraps, samples, length)
        level = volume_level(p, after, floor, released)
        # On its way down and far below its peak, nobody hears the rest: the gain glides to zero within this tick.
        falling = after > min(p[RELEASE_AGE], p[CHOKE_AGE]) or after > p[DELAY] + p[ATTACK] + p[HOLD]
        faded = falling and level < _SILENCE
        gain = 0.0 if faded else p[GAIN] * level * expression[tick + 1]
        if p[MOD_LFO_GAIN] != 0.0:
            gain *= math.exp(triangle(after, p[MOD_LFO_DELAY], p[MOD_LFO_STEP]) * p[MOD_LFO_GAIN])
        slope = np.float32((gain - last_gain) / length)
        base = np.float32(last_gain)
        for i in range(length):
            sample = samples[i] * (base + slope * np.float32(i + 1))
            out[0, start + i] += sample * left
            out[1, start + i] += sample * right
        last_gain = gain
        age = after
        start += length
        alive = read == length and not faded
    s[AGE] = age
    s[POSITION] = position / _ONE
    s[LAST_GAIN] = last_gain
    s[FILTER_1] = z1
    s[FILTER_2] = z2
    return alive
