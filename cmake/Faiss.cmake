# SPDX-License-Identifier: Apache-2.0
# FAISS as the imported target `faiss::faiss`; Debian's package has no CMake files. LAPACK and BLAS only fill in what LibTorch keeps to
# itself: the first library that has a symbol gives it to the whole program, LibTorch included, and a BLAS in front of LibTorch's own would
# make every network many times slower. Hence the option, which puts LibTorch in front of all libraries whatever their order in CMake.
find_path(POINTATTN_FAISS_INCLUDE faiss/IndexIVFPQ.h)
find_library(POINTATTN_FAISS_LIBRARY faiss)
find_library(POINTATTN_LAPACK_LIBRARY lapack)
find_library(POINTATTN_BLAS_LIBRARY blas)
mark_as_advanced(POINTATTN_FAISS_INCLUDE POINTATTN_FAISS_LIBRARY POINTATTN_LAPACK_LIBRARY POINTATTN_BLAS_LIBRARY)
if(POINTATTN_FAISS_INCLUDE AND POINTATTN_FAISS_LIBRARY AND POINTATTN_LAPACK_LIBRARY AND POINTATTN_BLAS_LIBRARY)
  add_library(faiss::faiss UNKNOWN IMPORTED)
  set_target_properties(faiss::faiss PROPERTIES IMPORTED_LOCATION ${POINTATTN_FAISS_LIBRARY})
  target_include_directories(faiss::faiss SYSTEM INTERFACE ${POINTATTN_FAISS_INCLUDE})
  target_link_libraries(faiss::faiss INTERFACE torch::cpu ${POINTATTN_LAPACK_LIBRARY} ${POINTATTN_BLAS_LIBRARY})
  get_target_property(torch_file torch::cpu IMPORTED_LOCATION)
  target_link_options(faiss::faiss INTERFACE "SHELL:-Wl,--push-state,--no-as-needed ${torch_file} -Wl,--pop-state")
endif()
