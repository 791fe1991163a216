#!/usr/bin/env bash
# Builds @tensorflow/tfjs-node 4.22 over TensorFlow 2.21 into a folder, without its installer (which downloads a libtensorflow of 2022): the
# addon's two C++ files come with the npm package, headers and libraries with PyPI's tensorflow-cpu wheel (Linux x64).
#
# usage: build-tfjs-node.sh FOLDER [PYTHON]     (needs npm, g++, and a Python with pip; about 1.5 GB)
# Then: npm run bench -- speed --tfjs FOLDER ...
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
python=${2:-python3}
cd "$folder"

echo '{ "private": true, "dependencies": { "@tensorflow/tfjs-node": "4.22.0", "node-api-headers": "1.9.0" } }' >package.json
npm install --ignore-scripts --no-audit --no-fund
"$python" -m pip install --quiet --upgrade --no-deps --target tensorflow-wheel "tensorflow-cpu==2.21.*"

library=$folder/tensorflow-wheel/tensorflow
package=$folder/node_modules/@tensorflow/tfjs-node
mkdir -p "$package/lib/napi-v8"
g++ -O2 -std=c++17 -shared -fPIC -DNAPI_VERSION=8 \
  -I"$package" -I"$library/include" -I"$folder/node_modules/node-api-headers/include" \
  "$package/binding/tfjs_backend.cc" "$package/binding/tfjs_binding.cc" \
  -L"$library" -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 -Wl,-rpath,"$library" \
  -o "$package/lib/napi-v8/tfjs_binding.node"

node -e 'const tf = require("@tensorflow/tfjs-node"); tf.scalar(1).add(1).dataSync(); console.log("tfjs-node", tf.version["tfjs-node"], "over TensorFlow", tf.backend().binding.TF_Version)'
