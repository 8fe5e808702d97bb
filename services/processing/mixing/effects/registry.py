"""From an effect's id to what does the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from services.processing.mixing.effects.bitcrusher import Bitcrusher
from services.processing.mixing.effects.compressor import Compressor, DeEsser, MultibandCompressor
from services.processing.mixing.effects.convolution import Convolution
from services.processing.mixing.effects.delay import Echo
from services.processing.mixing.effects.gate import Expander, Gate
from services.processing.mixing.effects.limiter import Limiter
from services.processing.mixing.effects.modulated_delay import ModulatedDelay
from services.processing.mixing.effects.phaser import Phaser
from services.processing.mixing.effects.pitch_shift import PitchShift
from services.processing.mixing.effects.processor import Processor, Setting
from services.processing.mixing.effects.reverb import Reverb
from services.processing.mixing.effects.saturation import Saturation
from services.processing.mixing.effects.svf import Equalizer, HighPass, LowPass
from services.processing.mixing.effects.transient_shaper import TransientShaper
from services.processing.mixing.effects.tremolo import Tremolo

PROCESSORS: Final[dict[str, Callable[[Setting], Processor]]] = {
    "equalizer": Equalizer,
    "high_pass": HighPass,
    "low_pass": LowPass,
    "compressor": Compressor,
    "multiband_compressor": MultibandCompressor,
    "gate": Gate,
    "expander": Expander,
    "de_esser": DeEsser,
    "limiter": Limiter,
    "transient_shaper": TransientShaper,
    "saturation": Saturation,
    "bitcrusher": Bitcrusher,
    "pitch_shift": PitchShift,
    "chorus": ModulatedDelay,
    "flanger": ModulatedDelay,
    "phaser": Phaser,
    "tremolo": Tremolo,
    "reverb": Reverb,
    "convolution_reverb": Convolution,
    "delay": Echo,
}
