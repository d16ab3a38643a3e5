"""Faces: found in a picture and turned into descriptors. Nothing here stores or sends anything.

::

    picture -> reader.FaceReader -> chips -> embedder.Embedder -> 128 numbers a face
                                             convert.to_onnx <- dlib_file.load <- the package's .dat

In `count` mode nothing of the box may import this package: it loads face models. Importing a module
here loads none; dlib, onnx and onnxruntime come in at the first `open`.
"""
