"""Published and hand-designed networks, as seeds of spaces and as yardsticks."""

from __future__ import annotations

from evonas.arch.ops import Shape
from evonas.arch.spec import ArchSpec
from evonas.references.reference import Reference
from evonas.registry import Registry

REFERENCES = Registry(
    "reference",
    "evonas.references",
    {
        "ds_cnn": "evonas.references.ds_cnn:DS_CNN",
        "ecgtcn": "evonas.references.ecgtcn:ECGTCN",
        "ecgtcn_pit": "evonas.references.ecgtcn:ECGTCN_PIT",
        "fastgrnn_google12": "evonas.references.recurrent:FASTGRNN_GOOGLE12",
        "fastgrnn_har2": "evonas.references.recurrent:FASTGRNN_HAR2",
        "fc_autoencoder": "evonas.references.fc_autoencoder:FC_AUTOENCODER",
        "gru_google12": "evonas.references.recurrent:GRU_GOOGLE12",
        "lstm_google12": "evonas.references.recurrent:LSTM_GOOGLE12",
        "mobilenet_025": "evonas.references.mobilenet:MOBILENET_025",
        "resnet8": "evonas.references.resnet8:RESNET8",
        "six_conv": "evonas.references.six_conv:SIX_CONV",
        "tcresnet14": "evonas.references.tcresnet14:TCRESNET14",
        "tcresnet14_pit": "evonas.references.tcresnet14:TCRESNET14_PIT",
        "tcresnet14_seed": "evonas.references.tcresnet14:TCRESNET14_SEED",
        "temponet": "evonas.references.temponet:TEMPONET",
        "temponet_pit": "evonas.references.temponet:TEMPONET_PIT",
    },
)


def reference(
    name: str, input_shape: Shape | None = None, num_outputs: int | None = None
) -> ArchSpec:
    """Returns a reference network, for its published task or for another one.

    Args:
        name: A name in ``REFERENCES``.
        input_shape: Input of the published rank, or of any rank for a network of (features,); None
            for the published one.
        num_outputs: Classes or regression targets; None for the published number.

    Raises:
        ConfigError: The name is unknown.
        SpecError: The network does not fit the input.
    """
    record: Reference = REFERENCES.get(name)
    return record.build(input_shape, num_outputs)


__all__ = ["REFERENCES", "Reference", "reference"]
