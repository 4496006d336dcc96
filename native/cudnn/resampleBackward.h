// The gradient of a pooling as a node of cudnn-frontend, which has only the forward one. For graph.cc alone.
#pragma once

#include <cudnn_frontend.h>

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mlpconv {

namespace fe = cudnn_frontend;

/// dy, and for max pooling the index, -> dx.
class ResampleBackwardAttributes : public fe::graph::Attributes<ResampleBackwardAttributes> {
 public:
  enum class input_names { DY, Index };
  enum class output_names { DX };
  std::unordered_map<input_names, std::shared_ptr<fe::graph::Tensor_attributes>> inputs;
  std::unordered_map<output_names, std::shared_ptr<fe::graph::Tensor_attributes>> outputs;

  fe::ResampleMode_t mode;
  fe::PaddingMode_t paddingMode;
  std::vector<cudnnFraction_t> window, stride, prePadding, postPadding;

  std::shared_ptr<fe::graph::Tensor_attributes> dx() const { return outputs.at(output_names::DX); }

 private:
  friend class fe::graph::Attributes<ResampleBackwardAttributes>;
  friend class ResampleBackwardNode;
};

class ResampleBackwardNode : public fe::graph::NodeCRTP<ResampleBackwardNode> {
 public:
  ResampleBackwardAttributes attributes;

  ResampleBackwardNode(ResampleBackwardAttributes&& node, const fe::detail::Context& context)
      : NodeCRTP(context), attributes(std::move(node)) {}

  Type getType() override final { return Type::RESAMPLE; }

  fe::error_t infer_properties_node() override final {
    attributes.fill_from_context(context);
    return {};
  }

  fe::error_t create_cudnn_operations(
      std::unordered_set<fe::graph::Tensor_attributes::uid_t>& uids,
      std::vector<std::shared_ptr<fe::Operation>>&, fe::graph::managed_backend_descriptor_t& rawOperations,
      std::unordered_map<int64_t, std::shared_ptr<fe::Tensor>>& tensors) const override final {
    const fe::ManagedOpaqueDescriptor resample =
        fe::make_shared_backend_pointer(CUDNN_BACKEND_RESAMPLE_DESCRIPTOR);
    const fe::ManagedOpaqueDescriptor operation =
        fe::make_shared_backend_pointer(CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR);
    cudnnStatus_t status = describe(resample->get_backend_descriptor());
    if (status == CUDNN_STATUS_SUCCESS) {
      status = connect(operation->get_backend_descriptor(), resample->get_backend_descriptor(), tensors);
    }
    if (status != CUDNN_STATUS_SUCCESS) {
      return {fe::error_code_t::CUDNN_BACKEND_API_FAILED,
              "pooling backward: " + std::string(fe::detail::get_error_string(status)) + " " +
                  fe::detail::get_last_error_string_()};
    }
    rawOperations.push_back(operation);
    const auto& own = attributes.get_non_virtual_uids();
    uids.insert(own.begin(), own.end());
    return {};
  }

  /// Graph::serialize() reads the tag, the inputs and the outputs.
  void serialize(nlohmann::json& json) const override final {
    const auto numerators = [](const std::vector<cudnnFraction_t>& fractions) {
      nlohmann::json array = nlohmann::json::array();
      for (const cudnnFraction_t& fraction : fractions) array.push_back(fraction.numerator);
      return array;
    };
    json = {{"tag", "RESAMPLE_BWD"},
            {"mode", attributes.mode},
            {"padding_mode", attributes.paddingMode},
            {"window", numerators(attributes.window)},
            {"stride", numerators(attributes.stride)},
            {"pre_padding", numerators(attributes.prePadding)},
            {"post_padding", numerators(attributes.postPadding)},
            {"inputs", nlohmann::json::array()},
            {"outputs", nlohmann::json::array()}};
    for (const auto& [name, tensor] : attributes.inputs) {
      const char* port = name == ResampleBackwardAttributes::input_names::DY ? "DY" : "Index";
      json["inputs"].push_back({port, *tensor});
    }
    json["outputs"].push_back({"DX", *attributes.dx()});
  }

 private:
  static cudnnStatus_t set(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                           cudnnBackendAttributeType_t type, int64_t count, const void* values) {
    return fe::detail::set_attribute(descriptor, name, type, count, values);
  }

  cudnnStatus_t describe(cudnnBackendDescriptor_t resample) const {
    const auto spatialDims = static_cast<int64_t>(attributes.window.size());
    const cudnnNanPropagation_t nan = CUDNN_PROPAGATE_NAN;
    cudnnResampleMode_t mode;
    cudnnDataType_t computeType;
    cudnnPaddingMode_t paddingMode;
    cudnnStatus_t status = fe::detail::convert_to_cudnn_type(attributes.mode, mode);
    const auto next = [&status](const auto& action) {
      if (status == CUDNN_STATUS_SUCCESS) status = action();
    };
    const auto fractions = [&](cudnnBackendAttributeName_t name, const std::vector<cudnnFraction_t>& values) {
      next([&] { return set(resample, name, CUDNN_TYPE_FRACTION, spatialDims, values.data()); });
    };
    next([&] { return fe::detail::convert_to_cudnn_type(attributes.compute_data_type, computeType); });
    next([&] { return fe::detail::convert_to_cudnn_type(attributes.paddingMode, paddingMode); });
    next([&] { return set(resample, CUDNN_ATTR_RESAMPLE_MODE, CUDNN_TYPE_RESAMPLE_MODE, 1, &mode); });
    next([&] { return set(resample, CUDNN_ATTR_RESAMPLE_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &computeType); });
    next([&] {
      return set(resample, CUDNN_ATTR_RESAMPLE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION, 1, &nan);
    });
    next([&] {
      return set(resample, CUDNN_ATTR_RESAMPLE_PADDING_MODE, CUDNN_TYPE_PADDING_MODE, 1, &paddingMode);
    });
    next([&] { return set(resample, CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &spatialDims); });
    fractions(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, attributes.window);
    fractions(CUDNN_ATTR_RESAMPLE_STRIDES, attributes.stride);
    fractions(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, attributes.prePadding);
    fractions(CUDNN_ATTR_RESAMPLE_POST_PADDINGS, attributes.postPadding);
    next([&] { return fe::detail::finalize(resample); });
    return status;
  }

  cudnnStatus_t connect(cudnnBackendDescriptor_t operation, cudnnBackendDescriptor_t resample,
                        const std::unordered_map<int64_t, std::shared_ptr<fe::Tensor>>& tensors) const {
    const double alpha = 1;
    const double beta = 0;
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    const auto add = [&](cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                         const void* value) {
      if (status == CUDNN_STATUS_SUCCESS) status = set(operation, name, type, 1, value);
    };
    const auto addTensor = [&](cudnnBackendAttributeName_t name, const fe::graph::Tensor_attributes& tensor) {
      const cudnnBackendDescriptor_t descriptor = tensors.at(tensor.get_uid())->get_raw_desc();
      add(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, &descriptor);
    };
    addTensor(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, *attributes.dx());
    addTensor(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC,
              *attributes.inputs.at(ResampleBackwardAttributes::input_names::DY));
    const auto index = attributes.inputs.find(ResampleBackwardAttributes::input_names::Index);
    if (index != attributes.inputs.end()) {
      addTensor(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC, *index->second);
    }
    add(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_ALPHA, CUDNN_TYPE_DOUBLE, &alpha);
    add(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_BETA, CUDNN_TYPE_DOUBLE, &beta);
    add(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, &resample);
    return status == CUDNN_STATUS_SUCCESS ? fe::detail::finalize(operation) : status;
  }
};

}  // namespace mlpconv
