"""Write a hybrid Demucs network, between its transforms, in OpenVINO's operations.

Written, not traced from torch: it takes a tenth of a second instead of ten, no file, and puts what the network computes in an
order that suits a CPU. Channels come last in memory all along, so that nothing is reordered: a branch's rows of
frequencies are the rows of an image (the waveform's has one row), and the attention takes its tokens row by row.
The residual branches' second group norm goes into the convolution before it: its mean and variance follow from those of
that convolution's few inputs, which become two inputs more. Layer scales go into the weights before them, gated
linear units are two convolutions, a transposed convolution over time is a convolution of which nothing is thrown away.
Equal to the network within rounding (−80 dB is tested). Limit: HTDemucs as it was released, see `can`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import openvino
import torch
from demucs.hdemucs import HDecLayer, HEncLayer
from demucs.htdemucs import HTDemucs
from demucs.transformer import (
    LayerScale,
    MyGroupNorm,
    create_2d_sin_embedding,
    create_sin_embedding,
)
from numpy.typing import NDArray
from openvino import opset13 as ops
from torch import nn

# The mix has a row of its own, as if it were the one frequency of an image.
ROWS_LAST: Final = (0, 2, 3, 1)
CHANNELS_SECOND: Final = (0, 3, 1, 2)
_RESIDUAL: Final = (nn.Conv1d, nn.GroupNorm, nn.GELU, nn.Conv1d, nn.GroupNorm, nn.GLU, LayerScale)
Node = Any
Weights = NDArray[np.floating[Any]]


def can(model: Any) -> bool:
    """Whether this network is one that can be written so."""
    return (
        isinstance(model, HTDemucs)
        and bool(model.cac)
        and bool(model.use_train_segment)
        and model.nfft == 4 * model.hop_length
        and len(model.encoder) == len(model.tencoder)
        and all(map(_plain, [*model.encoder, *model.tencoder, *model.decoder, *model.tdecoder]))
        and (model.crosstransformer is None or _usual(model.crosstransformer))
    )


def _plain(layer: Any) -> bool:
    """A layer without norms of its own, whose residual branches are convolutions only."""
    if not isinstance(layer, HEncLayer | HDecLayer) or layer.empty or layer.rewrite is None:
        return False
    branches = layer.dconv.layers if layer.dconv is not None else []
    return (
        not layer.norm
        and layer.pad > 0
        and all(tuple(map(type, one)) == _RESIDUAL for one in branches)
        and all(one[1].num_groups == one[4].num_groups == 1 for one in branches)
    )


def _usual(transformer: Any) -> bool:
    """A transformer with dense attention, norms first, and fixed places."""
    layers = [*transformer.layers, *transformer.layers_t]
    return (
        transformer.emb == "sin"
        and not transformer.sin_random_shift
        and isinstance(transformer.norm_in, nn.LayerNorm)
        and all(one.norm_first and not one.sparse for one in layers)
        and all(isinstance(one.norm1, nn.LayerNorm) for one in layers)
        and all(one.activation is nn.functional.gelu for one in layers)
        and all(one.norm_out is None or _whole(one.norm_out) for one in layers)
    )


def _whole(norm: Any) -> bool:
    return isinstance(norm, MyGroupNorm) and norm.num_groups == 1


def written(model: Any, frames: int) -> Any:
    """Return the graph: (1, 2, 1, frames) and (1, 4, bins, columns) -> (1, bins, columns, sources × 4), (1, sources × 2, 1, frames)."""
    columns = -(-frames // model.hop_length)
    mix = ops.parameter([1, 2, 1, frames], np.float32, name="mix")
    spectrum = ops.parameter([1, 4, model.nfft // 2, columns], np.float32, name="spectrum")
    x, mean, deviation = _normalised(spectrum)
    xt, mean_t, deviation_t = _normalised(mix)
    skips, lengths = [], []
    for number, (layer, layer_t) in enumerate(zip(model.encoder, model.tencoder, strict=True)):
        lengths.append(_shape(xt)[3])
        x, xt = _encoder(x, layer), _encoder(xt, layer_t)
        if number == 0 and model.freq_emb is not None:
            places = model.freq_emb(torch.arange(_shape(x)[2])) * model.freq_emb_scale
            x = ops.add(x, _constant(_array(places).T[None, :, :, None]))
        skips.append((x, xt))
    if model.crosstransformer is not None:
        if model.bottom_channels:
            x, xt = (
                _pointwise(x, model.channel_upsampler),
                _pointwise(xt, model.channel_upsampler_t),
            )
        x, xt = _transformer(x, xt, model.crosstransformer)
        if model.bottom_channels:
            x = _pointwise(x, model.channel_downsampler)
            xt = _pointwise(xt, model.channel_downsampler_t)
    for layer, layer_t in zip(model.decoder, model.tdecoder, strict=True):
        skip, skip_t = skips.pop()
        x, xt = _decoder(x, skip, layer, 0), _decoder(xt, skip_t, layer_t, lengths.pop())
    x = _moved(ops.add(ops.multiply(x, deviation), mean), ROWS_LAST)
    xt = ops.add(ops.multiply(xt, deviation_t), mean_t)
    return openvino.Model([ops.result(x), ops.result(xt)], [mix, spectrum], "htdemucs")


def _normalised(x: Node) -> tuple[Node, Node, Node]:
    """Return what comes in with mean 0 and deviation 1, and what they were."""
    count = int(np.prod(_shape(x)))
    mean = _averaged(x)
    centred = ops.subtract(x, mean)
    squares = _averaged(ops.multiply(centred, centred))
    deviation = ops.sqrt(
        ops.multiply(squares, _constant(np.full((1, 1, 1, 1), count / (count - 1))))
    )
    return (
        ops.divide(centred, ops.add(deviation, _constant(np.full((1, 1, 1, 1), 1e-5)))),
        mean,
        deviation,
    )


def _averaged(x: Node) -> Node:
    """The mean of all, by columns and then over them: one sum of millions in float32 is wrong in its fifth digit."""
    # Put in a line in between: two reductions in a row would be made one.
    _, channels, rows, _ = _shape(x)
    partial = _reshaped(ops.reduce_mean(x, _places(3), True), 1, 1, channels, rows)
    return ops.reduce_mean(partial, _places(2, 3), True)


def _encoder(x: Node, layer: Any) -> Node:
    stride, pad, kernel = layer.stride, layer.pad, _kernel(layer.conv)
    if layer.freq:
        y = _convolution(x, kernel, layer.conv.bias, (stride, 1), rows=(pad, pad))
    else:
        lacking = -_shape(x)[3] % stride
        y = _convolution(x, kernel, layer.conv.bias, (1, stride), columns=(pad, pad + lacking))
    return _gated(_residual(ops.gelu(y, "ERF"), layer.dconv), layer.rewrite)


def _decoder(x: Node, skip: Node, layer: Any, length: int) -> Node:
    y = _residual(_gated(ops.add(x, skip), layer.rewrite), layer.dconv)
    z = _spread_rows(y, layer) if layer.freq else _spread_columns(y, layer, length)
    return z if layer.last else ops.gelu(z, "ERF")


def _spread_rows(x: Node, layer: Any) -> Node:
    """The transposed convolution over frequencies, cut at both ends."""
    z = ops.convolution_backprop_data(
        x, _constant(_array(layer.conv_tr.weight)), [layer.stride, 1],
        pads_begin=[layer.pad, 0], pads_end=[layer.pad, 0], dilations=[1, 1],
    )  # fmt: skip
    return ops.add(z, _constant(_array(layer.conv_tr.bias).reshape(1, -1, 1, 1)))


def _spread_columns(x: Node, layer: Any, length: int) -> Node:
    """The transposed convolution over time, cut to a length: each input's frames as channels, then laid side by side."""
    stride, weight = layer.stride, _array(layer.conv_tr.weight)
    inputs, outputs, size = weight.shape
    reach = size // stride
    kernel = weight.reshape(inputs, outputs, reach, stride)[:, :, ::-1].transpose(3, 1, 0, 2)
    kernel = kernel.reshape(stride * outputs, inputs, 1, reach)
    bias = np.tile(_array(layer.conv_tr.bias), stride)
    z = _moved(_convolution(x, kernel, bias, columns=(reach - 1, reach - 1)), ROWS_LAST)
    z = _reshaped(z, 1, 1, _shape(z)[2] * stride, outputs)
    ends = (_places(layer.pad), _places(layer.pad + length), _places(1), _places(2))
    return _moved(ops.slice(z, *ends), CHANNELS_SECOND)


def _gated(x: Node, layer: Any) -> Node:
    """A convolution and its gated linear unit: half of the outputs times the sigmoid of the others."""
    kernel, bias = _kernel(layer), _array(layer.bias)
    rows, columns = ((size // 2, size // 2) for size in kernel.shape[2:])
    half = len(kernel) // 2
    value = _convolution(x, kernel[:half], bias[:half], rows=rows, columns=columns)
    gate = _convolution(x, kernel[half:], bias[half:], rows=rows, columns=columns)
    return ops.multiply(value, ops.sigmoid(gate))


def _residual(x: Node, module: Any) -> Node:
    for layer in module.layers if module is not None else []:
        x = _branch(x, *layer)
    return x


def _branch(
    x: Node, inner: Any, norm: Any, _gelu: Any, outer: Any, norm_2: Any, _glu: Any, scale: Any
) -> Node:
    """Add one residual branch; see the module for what becomes of its second norm."""
    pad, dilation = inner.padding[0], inner.dilation[0]
    y = _convolution(x, _kernel(inner), inner.bias, columns=(pad, pad), dilations=(1, dilation))
    _, hidden, rows, columns = _shape(y)
    flat = _reshaped(_moved(y, (0, 2, 1, 3)), rows, hidden * columns)
    flat = _reshaped(
        ops.mvn(flat, _places(1), True, norm.eps, "INSIDE_SQRT"), rows, hidden, columns
    )
    y = ops.gelu(_scaled(flat, norm, (1, -1, 1)), "ERF")
    weight, bias = (_array(one).astype(np.float64) for one in (outer.weight[:, :, 0], outer.bias))
    mean, inverse = _moments(y, weight, bias, norm_2.eps)
    # scale · ((weight · y + bias − mean) · inverse) + shift, as one product with (y · inverse, inverse, mean · inverse).
    gain, shift = (_array(one).astype(np.float64) for one in (norm_2.weight, norm_2.bias))
    kernel = np.concatenate([weight, bias[:, None], -np.ones((len(bias), 1))], 1) * gain[:, None]
    ones = _constant(np.ones((rows, 1, columns)))
    given = [y, ones, ops.multiply(mean, ones)]
    y = ops.multiply(ops.concat(given, 1), inverse)
    y = _moved(_reshaped(y, 1, rows, hidden + 2, columns), (0, 2, 1, 3))
    half, layer_scale = len(kernel) // 2, _array(scale.scale).astype(np.float64)
    kernel[:half] *= layer_scale[:, None]
    shift[:half] *= layer_scale
    value = _convolution(y, kernel[:half, :, None, None], shift[:half])
    gate = _convolution(y, kernel[half:, :, None, None], shift[half:])
    return ops.add(x, ops.multiply(value, ops.sigmoid(gate)))


def _moments(y: Node, weight: Weights, bias: Weights, eps: float) -> tuple[Node, Node]:
    """Return mean and inverse deviation of weight · y + bias over channels and columns, each (rows, 1, 1), from y alone.

    The variance is that of the channels' means, and the mean over channels of their own variances: the mean over
    columns of |root · (y − its mean)|², where root' · root = weight' · weight / channels.
    """
    middle = ops.reduce_mean(y, _places(2), True)
    values, vectors = np.linalg.eigh(weight.T @ weight / len(weight))
    root = (vectors * np.sqrt(np.maximum(values, 0))).T
    within = ops.matmul(_constant(root[None]), ops.subtract(y, middle), False, False)
    within = ops.reduce_mean(ops.multiply(within, within), _places(2), True)
    means = ops.matmul(_constant(weight[None]), middle, False, False)
    means = ops.add(means, _constant(bias.reshape(1, -1, 1)))
    mean = ops.reduce_mean(means, _places(1), True)
    apart = ops.subtract(means, mean)
    apart = ops.reduce_mean(ops.multiply(apart, apart), _places(1), True)
    variance = ops.add(ops.reduce_sum(within, _places(1), True), apart)
    one = _constant(np.ones((1, 1, 1)))
    return mean, ops.divide(one, ops.sqrt(ops.add(variance, _constant(np.full((1, 1, 1), eps)))))


def _transformer(x: Node, xt: Node, transformer: Any) -> tuple[Node, Node]:
    _, channels, rows, columns = _shape(x)
    length, period = _shape(xt)[3], transformer.max_period
    places = _array(create_2d_sin_embedding(channels, rows, columns, "cpu", period))
    places_t = _array(create_sin_embedding(length, channels, max_period=period))
    x = _reshaped(_moved(x, ROWS_LAST), 1, rows * columns, channels)
    xt = _reshaped(_moved(xt, ROWS_LAST), 1, length, channels)
    weight = transformer.weight_pos_embed
    places = places.reshape(1, channels, rows * columns).transpose(0, 2, 1)
    x = ops.add(_layer_norm(x, transformer.norm_in), _constant(weight * places))
    places_t = places_t.reshape(1, length, channels)
    xt = ops.add(_layer_norm(xt, transformer.norm_in_t), _constant(weight * places_t))
    for number, (layer, layer_t) in enumerate(
        zip(transformer.layers, transformer.layers_t, strict=True)
    ):
        if number % 2 == transformer.classic_parity:
            x, xt = _self_layer(x, layer), _self_layer(xt, layer_t)
        else:
            x, xt = _cross_layer(x, xt, layer), _cross_layer(xt, x, layer_t)
    x = _moved(_reshaped(x, 1, rows, columns, channels), CHANNELS_SECOND)
    return x, _moved(_reshaped(xt, 1, 1, length, channels), CHANNELS_SECOND)


def _self_layer(x: Node, layer: Any) -> Node:
    y = _layer_norm(x, layer.norm1)
    x = ops.add(x, _attention(y, y, layer.self_attn, layer.gamma_1))
    return _forward(x, layer.norm2, layer)


def _cross_layer(x: Node, other: Node, layer: Any) -> Node:
    y, other = _layer_norm(x, layer.norm1), _layer_norm(other, layer.norm2)
    x = ops.add(x, _attention(y, other, layer.cross_attn, layer.gamma_1))
    return _forward(x, layer.norm3, layer)


def _forward(x: Node, norm: Any, layer: Any) -> Node:
    y = _linear(_layer_norm(x, norm), _array(layer.linear1.weight), _array(layer.linear1.bias))
    x = ops.add(x, _linear(ops.gelu(y, "ERF"), *_folded(layer.linear2, layer.gamma_2)))
    if layer.norm_out is None:
        return x
    y = ops.mvn(x, _places(1, 2), True, layer.norm_out.eps, "INSIDE_SQRT")
    return _scaled(y, layer.norm_out, (1, 1, -1))


def _attention(x: Node, other: Node, module: Any, scale: Any) -> Node:
    size, heads = module.embed_dim, module.num_heads
    kernels = np.split(_array(module.in_proj_weight), 3)
    biases = np.split(_array(module.in_proj_bias), 3)
    query, key, value = (
        _moved(_reshaped(_linear(given, kernel, bias), 1, -1, heads, size // heads), (0, 2, 1, 3))
        for given, kernel, bias in zip((x, other, other), kernels, biases, strict=True)
    )
    out = ops.scaled_dot_product_attention(query, key, value, causal=False)
    out = _reshaped(_moved(out, (0, 2, 1, 3)), 1, -1, size)
    return _linear(out, *_folded(module.out_proj, scale))


def _folded(layer: Any, scale: Any) -> tuple[Weights, Weights]:
    """A linear layer's weights and bias, with the layer scale after it in them."""
    weight, bias = _array(layer.weight), _array(layer.bias)
    if isinstance(scale, LayerScale):
        factor = _array(scale.scale)
        return factor[:, None] * weight, factor * bias
    return weight, bias


def _linear(x: Node, weight: Weights, bias: Weights) -> Node:
    return ops.add(ops.matmul(x, _constant(weight), False, True), _constant(bias[None, None]))


def _layer_norm(x: Node, norm: Any) -> Node:
    return _scaled(ops.mvn(x, _places(2), True, norm.eps, "INSIDE_SQRT"), norm, (1, 1, -1))


def _scaled(x: Node, norm: Any, shape: Sequence[int]) -> Node:
    weight, bias = (_constant(_array(one).reshape(shape)) for one in (norm.weight, norm.bias))
    return ops.add(ops.multiply(x, weight), bias)


def _pointwise(x: Node, layer: Any) -> Node:
    return _convolution(x, _kernel(layer), layer.bias)


def _convolution(
    x: Node,
    kernel: Weights,
    bias: Any,
    strides: tuple[int, int] = (1, 1),
    rows: tuple[int, int] = (0, 0),
    columns: tuple[int, int] = (0, 0),
    dilations: tuple[int, int] = (1, 1),
) -> Node:
    begin, end = zip(rows, columns, strict=True)
    y = ops.convolution(x, _constant(kernel), [*strides], [*begin], [*end], [*dilations])
    return ops.add(y, _constant(_array(bias).reshape(1, -1, 1, 1)))


def _kernel(layer: Any) -> Weights:
    """A convolution's weights; those of one over time alone get a row."""
    weight = _array(layer.weight)
    return weight if weight.ndim == 4 else weight[:, :, None]


def _array(values: Any) -> Weights:
    array: Weights = values.detach().float().numpy() if torch.is_tensor(values) else values
    return array


def _constant(values: Weights) -> Node:
    return ops.constant(np.ascontiguousarray(values, np.float32))


def _places(*values: int) -> Node:
    return ops.constant(np.array(values, np.int64))


def _reshaped(x: Node, *shape: int) -> Node:
    return ops.reshape(x, _places(*shape), False)


def _moved(x: Node, order: Sequence[int]) -> Node:
    return ops.transpose(x, _places(*order))


def _shape(x: Node) -> list[int]:
    return [int(size) for size in x.get_output_shape(0)]
