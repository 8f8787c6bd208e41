// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/pair_mlp_step.h"

#include "pointattn/nn/one_dnn.h"
#include "pointattn/nn/pair_slices.h"
#include "pointattn/nn/pair_tiles.h"
#include "pointattn/nn/row_moments.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

namespace pointattn::nn {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor product(const Tensor& rows, const Tensor& weight) {
  if (rows.scalar_type() == at::kFloat && one_dnn::faster_than_mkl())
    return one_dnn::linear(rows, weight, {});
  return at::linear(rows, weight);
}

Tensor transposed_product(const Tensor& left, const Tensor& right) {
  if (left.scalar_type() == at::kFloat && one_dnn::faster_than_mkl())
    return one_dnn::transposed_product(left, right);
  return at::mm(left.t(), right);
}

/// A norm with the statistics of the batch: y = scale x + shift.
struct BatchNorm {
  Tensor mean, rstd, scale, shift;
  BatchNorm(const Tensor& mean_in, const Tensor& var, const Tensor& weight, const Tensor& bias)
      : mean(mean_in),
        rstd(at::rsqrt(var + kNormEpsilon)),
        scale((weight * rstd).contiguous()),
        shift((bias - mean * scale).contiguous()) {}
};

template <typename T>
pair_loops::Activated<T> activated(const BatchNorm& norm, double slope) {
  return {norm.scale.const_data_ptr<T>(), norm.shift.const_data_ptr<T>(), static_cast<T>(slope)};
}

template <typename T>
Statistics first_statistics(const Pairs& pairs, const std::vector<Slice>& slices) {
  const int64_t C = pairs.near.size(1);
  std::vector<RowMoments> parts(slices.size(), RowMoments(C));
  for_each_slice(slices, [&](int64_t s, const Slice& slice) {
    const Tensor sums = at::empty({tile_rows(pairs), C}, pairs.near.options());
    const Tensor tile = at::empty({2, C}, pairs.near.options());
    T* x = sums.mutable_data_ptr<T>();
    T* mean = tile.mutable_data_ptr<T>();
    for_each_tile<T>(pairs, slice.begin, slice.end, [&](const pair_loops::Pairs<T>& some) {
      pair_loops::add(some, x);
      pair_loops::moments(x, some.rows(), C, mean, mean + C);
      parts[static_cast<size_t>(s)].add(some.rows(), mean, mean + C);
    });
  });
  return joined(parts).statistics(pairs.near.scalar_type());
}

/// What the maximum over the pairs is before the second norm, and where.
struct Maximum {
  Tensor value;  ///< [M,D] of W₂ h; the smallest where the norm turns the order round
  Tensor which;  ///< int32 [M,D] place among the K
  Statistics statistics;
};

template <typename T>
Maximum find_maximum(const Pairs& pairs,
                     const std::vector<Slice>& slices,
                     const BatchNorm& first,
                     double slope,
                     const Tensor& weight,
                     const Tensor& sign) {
  const int64_t M = pairs.index.size(0);
  const int64_t C = pairs.near.size(1);
  const int64_t D = weight.size(0);
  Maximum out{at::empty({M, D}, pairs.near.options()),
              at::empty({M, D}, pairs.index.options().dtype(at::kInt)),
              {}};
  T* value = out.value.mutable_data_ptr<T>();
  auto* which = out.which.mutable_data_ptr<int32_t>();
  std::vector<RowMoments> parts(slices.size(), RowMoments(D));
  for_each_slice(slices, [&](int64_t s, const Slice& slice) {
    const Tensor hidden = at::empty({tile_rows(pairs), C}, pairs.near.options());
    const Tensor tile = at::empty({2, D}, pairs.near.options());
    T* h = hidden.mutable_data_ptr<T>();
    T* mean = tile.mutable_data_ptr<T>();
    for_each_tile<T>(pairs, slice.begin, slice.end, [&](const pair_loops::Pairs<T>& some) {
      pair_loops::add(some, h);
      pair_loops::activate(h, some.rows(), C, activated<T>(first, slope), h);
      const Tensor z = product(hidden.narrow(0, 0, some.rows()), weight);
      const T* rows = z.const_data_ptr<T>();
      pair_loops::moments(rows, some.rows(), D, mean, mean + D);
      parts[static_cast<size_t>(s)].add(some.rows(), mean, mean + D);
      pair_loops::extremes(rows,
                           some.count,
                           some.K,
                           D,
                           sign.const_data_ptr<T>(),
                           value + some.first * D,
                           which + some.first * D);
    });
  });
  out.statistics = joined(parts).statistics(pairs.near.scalar_type());
  return out;
}

/// What the slices gather for the gradient of the first norm's input, and of W₂.
struct Sums {
  Tensor d_of_centre, x_of_centre;           ///< [M,C]
  std::vector<Tensor> d_of_near, x_of_near;  ///< [rows,C], one a slice
  Tensor d, dx, hidden;                      ///< float64 [slices,C]
  Tensor squares;                            ///< hᵀh, [slices,C,C]
  Tensor sparse;                             ///< Sᵀh, [slices,D,C]

  Sums(const Pairs& pairs, const std::vector<Slice>& slices, int64_t D)
      : d_of_centre(at::empty_like(pairs.centre)),
        x_of_centre(at::empty_like(pairs.centre)),
        d_of_near(slices.size()),
        x_of_near(slices.size()) {
    const auto count = static_cast<int64_t>(slices.size());
    const int64_t C = pairs.near.size(1);
    for (Tensor* sum : {&d, &dx, &hidden}) *sum = at::zeros({count, C}, at::kDouble);
    squares = at::empty({count, C, C}, pairs.near.options());
    sparse = at::empty({count, D, C}, pairs.near.options());
  }
};

/// The second norm's gradient as S − α − β z (see the header).
struct SecondGradient {
  Tensor value;         ///< the entries of S, [M,D]
  Tensor alpha, beta;   ///< [D]
  Tensor weight, bias;  ///< gradients of the norm's parameters

  SecondGradient(const Tensor& grad_out,
                 const Tensor& maximum,
                 const BatchNorm& norm,
                 double slope,
                 double pairs) {
    const Tensor y = norm.scale * maximum + norm.shift;
    const Tensor grad = at::where(y.gt(0), grad_out, grad_out * slope);
    const Tensor x = (maximum - norm.mean) * norm.rstd;
    bias = grad.sum(0);
    weight = (grad * x).sum(0);
    value = (grad * norm.scale).contiguous();
    beta = norm.scale * weight / pairs * norm.rstd;
    alpha = norm.scale * bias / pairs - beta * norm.mean;
  }
};

template <typename T>
Sums gather_gradient(const Pairs& pairs,
                     const std::vector<Slice>& slices,
                     const BatchNorm& first,
                     double slope,
                     const Tensor& weight,
                     const SecondGradient& second,
                     const Tensor& which) {
  const int64_t C = pairs.near.size(1);
  const int64_t D = weight.size(0);
  Sums sums(pairs, slices, D);
  // dh = S W₂ − W₂ᵀα − h (W₂ᵀ diag(β) W₂): the dense part is one product, its weight symmetric.
  const Tensor dense = -at::mm(weight.t(), second.beta.unsqueeze(1) * weight);
  const Tensor constant = -at::mv(weight.t(), second.alpha);
  const pair_loops::NormBackward<T> norm{
      first.mean.const_data_ptr<T>(), first.rstd.const_data_ptr<T>(), static_cast<T>(slope)};
  for_each_slice(slices, [&](int64_t s, const Slice& slice) {
    const auto options = pairs.near.options();
    const Tensor sum = at::empty({tile_rows(pairs), C}, options);
    const Tensor hidden = at::empty_like(sum);
    const Tensor spare = at::empty({5, C}, options);
    Tensor d = at::zeros({slice.rows, C}, options);
    Tensor x = at::zeros({slice.rows, C}, options);
    Tensor squares = sums.squares.select(0, s).zero_();
    Tensor sparse = sums.sparse.select(0, s).zero_();
    const pair_loops::Gathered<T> to{sums.d_of_centre.mutable_data_ptr<T>(),
                                     sums.x_of_centre.mutable_data_ptr<T>(),
                                     d.mutable_data_ptr<T>(),
                                     x.mutable_data_ptr<T>(),
                                     slice.lowest,
                                     sums.d.mutable_data_ptr<double>() + s * C,
                                     sums.dx.mutable_data_ptr<double>() + s * C,
                                     sums.hidden.mutable_data_ptr<double>() + s * C};
    T* p = sum.mutable_data_ptr<T>();
    T* h = hidden.mutable_data_ptr<T>();
    for_each_tile<T>(pairs, slice.begin, slice.end, [&](const pair_loops::Pairs<T>& some) {
      pair_loops::add(some, p);
      pair_loops::activate(p, some.rows(), C, activated<T>(first, slope), h);
      const Tensor tile = hidden.narrow(0, 0, some.rows());
      squares.add_(transposed_product(tile, tile));
      const Tensor grad = product(tile, dense).add_(constant);
      pair_loops::sparse_products(second.value.const_data_ptr<T>() + some.first * D,
                                  which.const_data_ptr<int32_t>() + some.first * D,
                                  weight.const_data_ptr<T>(),
                                  h,
                                  some.count,
                                  some.K,
                                  D,
                                  C,
                                  grad.mutable_data_ptr<T>(),
                                  sparse.mutable_data_ptr<T>());
      pair_loops::gather(
          some, p, h, grad.const_data_ptr<T>(), norm, spare.mutable_data_ptr<T>(), to);
    });
    sums.d_of_near[static_cast<size_t>(s)] = d;
    sums.x_of_near[static_cast<size_t>(s)] = x;
  });
  return sums;
}

Tensor sum_of_near(const std::vector<Slice>& slices,
                   const std::vector<Tensor>& parts,
                   const Tensor& near) {
  Tensor sum = at::zeros_like(near);
  for (size_t s = 0; s < slices.size(); ++s)
    sum.narrow(0, slices[s].lowest, slices[s].rows).add_(parts[s]);
  return sum;
}

/// Returns the maximum and, without a gradient, the statistics of the norms.
struct PairMlp : torch::autograd::Function<PairMlp> {
  static variable_list forward(AutogradContext* context,
                               const Tensor& near,
                               const Tensor& centre,
                               const Tensor& index,
                               const Tensor& weight1,
                               const Tensor& bias1,
                               const Tensor& weight,
                               const Tensor& weight2,
                               const Tensor& bias2,
                               double slope1,
                               double slope2) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const Pairs pairs{near.contiguous(), centre.contiguous(), index.contiguous()};
    const std::vector<Slice> slices = slices_of(pairs.index, near.size(0));
    Statistics statistics;
    Maximum maximum;
    AT_DISPATCH_FLOATING_TYPES(near.scalar_type(), "pair_mlp_max", [&] {
      statistics = first_statistics<scalar_t>(pairs, slices);
      const BatchNorm first(statistics.first, statistics.second, weight1, bias1);
      maximum = find_maximum<scalar_t>(
          pairs, slices, first, slope1, weight.contiguous(), weight2.contiguous());
    });
    const auto& [mean2, var2] = maximum.statistics;
    const BatchNorm second(mean2, var2, weight2, bias2);
    const Tensor y = second.scale * maximum.value + second.shift;
    const Tensor out = at::where(y.lt(0), y * slope2, y);
    context->save_for_backward({pairs.near,
                                pairs.centre,
                                pairs.index,
                                weight1,
                                bias1,
                                weight,
                                weight2,
                                bias2,
                                statistics.first,
                                statistics.second,
                                mean2,
                                var2,
                                maximum.value,
                                maximum.which});
    context->saved_data["slope1"] = slope1;
    context->saved_data["slope2"] = slope2;
    context->mark_non_differentiable({statistics.first, statistics.second, mean2, var2});
    return {out, statistics.first, statistics.second, mean2, var2};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    TORCH_CHECK_NOT_IMPLEMENTED(
        !at::GradMode::is_enabled(),
        "pair_mlp_max: expected a first derivative, got a second one, which "
        "it does not have");
    const variable_list saved = context->get_saved_variables();
    const Pairs pairs{saved[0], saved[1], saved[2]};
    const Tensor weight = saved[5].contiguous();
    const double slope1 = context->saved_data["slope1"].toDouble();
    const auto K = static_cast<double>(pairs.index.size(1));
    const double count = K * static_cast<double>(pairs.index.size(0));
    const BatchNorm first(saved[8], saved[9], saved[3], saved[4]);
    const SecondGradient second(grads[0],
                                saved[12],
                                BatchNorm(saved[10], saved[11], saved[6], saved[7]),
                                context->saved_data["slope2"].toDouble(),
                                count);
    const std::vector<Slice> slices = slices_of(pairs.index, pairs.near.size(0));
    Tensor near_grad, centre_grad, weight_grad, bias1_grad, weight1_grad;
    AT_DISPATCH_FLOATING_TYPES(pairs.near.scalar_type(), "pair_mlp_max_backward", [&] {
      const Sums sums =
          gather_gradient<scalar_t>(pairs, slices, first, slope1, weight, second, saved[13]);
      const auto dtype = pairs.near.scalar_type();
      const Tensor d = sums.d.sum(0), dx = sums.dx.sum(0);
      bias1_grad = d.to(dtype);
      weight1_grad = dx.to(dtype);
      // The norm's input: rstd weight (d − mean of d − x mean of dx), summed over the pairs of a row.
      const Tensor d_mean = (d / count).to(dtype), dx_mean = (dx / count).to(dtype);
      centre_grad = first.scale * (sums.d_of_centre - K * d_mean - sums.x_of_centre * dx_mean);
      const Tensor uses = pairs.index.view(-1).bincount({}, pairs.near.size(0)).to(dtype);
      near_grad = first.scale *
                  (sum_of_near(slices, sums.d_of_near, pairs.near) - uses.unsqueeze(1) * d_mean -
                   sum_of_near(slices, sums.x_of_near, pairs.near) * dx_mean);
      const Tensor hidden = sums.hidden.sum(0).to(dtype);
      weight_grad = sums.sparse.sum(0) - at::outer(second.alpha, hidden) -
                    second.beta.unsqueeze(1) * at::mm(weight, sums.squares.sum(0));
    });
    return {near_grad,
            centre_grad,
            {},
            weight1_grad,
            bias1_grad,
            weight_grad,
            second.weight,
            second.bias,
            {},
            {}};
  }
};

}  // namespace

PairMlpStep pair_mlp_step(const Pairs& pairs,
                          const RowNormImpl& first,
                          double slope1,
                          const Tensor& weight,
                          const RowNormImpl& second,
                          double slope2) {
  const variable_list out = PairMlp::apply(pairs.near,
                                           pairs.centre,
                                           pairs.index,
                                           first.weight,
                                           first.bias,
                                           weight,
                                           second.weight,
                                           second.bias,
                                           slope1,
                                           slope2);
  return {out[0], {out[1], out[2]}, {out[3], out[4]}};
}

}  // namespace pointattn::nn
