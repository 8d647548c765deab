"""The pictures of these tests, and what MediaPipe 0.10.21 says about them.

    python tests/unit/models/oracle.py        (needs mediapipe) writes data/oracle.npz

The pictures are public domain: Eileen Collins (NASA, scikit-image) and Grace Hopper (US Navy, matplotlib).
Coordinates are MediaPipe's: pixel centres at integers where it samples pictures.
"""

from pathlib import Path

import numpy as np

RECORD = Path(__file__).parent / "data" / "oracle.npz"
KEPT = 1000  # values of a raw output that are recorded, evenly spread

# Our name, file in the wheel, input side, lowest input value, outputs in the file's order.
NETWORKS = {
    "face_detection_short": ("face_detection/face_detection_short_range", 128, -1, ("boxes", "scores")),
    "face_detection_full": ("face_detection/face_detection_full_range_sparse", 192, -1, ("boxes", "scores")),
    # MediaPipe's "left eye" is the one on the left of the picture.
    "face_landmarks": (
        "face_landmark/face_landmark_with_attention", 192, 0,
        ("mesh", "lips", "right_eye", "left_eye", "right_iris", "left_iris", "presence"),
    ),
    "pose_detection": ("pose_detection/pose_detection", 224, -1, ("boxes", "scores")),
    "pose_landmarks": (
        "pose_landmark/pose_landmark_full", 256, 0, ("landmarks", "presence", "mask", "heatmaps", "world"),
    ),
    "palm_detection": ("palm_detection/palm_detection_full", 192, 0, ("boxes", "scores")),
    "hand_landmarks": (
        "hand_landmark/hand_landmark_full", 224, 0, ("landmarks", "presence", "handedness", "world"),
    ),
    "person_matte": ("selfie_segmentation/selfie_segmentation", 256, 0, ("mask",)),
}  # fmt: skip


def pictures() -> dict[str, np.ndarray]:
    """uint8 [H, W, 3] RGB by name."""
    import matplotlib.cbook
    import skimage.data
    from PIL import Image

    hopper = Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg"))
    return {"collins": skimage.data.astronaut(), "hopper": np.array(hopper.convert("RGB"))}


def network_inputs(size: int) -> dict[str, np.ndarray]:
    """uint8 [size, size, 3] by name: cut out of the pictures without resampling, and coloured squares."""
    found = pictures()
    squares = np.random.default_rng(7).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    top, left = max(0, 128 - size // 2), 225 - size // 2
    collins = found["collins"][top : top + size, left : left + size]
    half = found["hopper"][::2, ::2]
    top, left = max(0, 122 - size // 2), max(0, 134 - size // 2)
    hopper = half[top : top + size, left : left + size]
    hopper = np.pad(hopper, ((0, size - hopper.shape[0]), (0, size - hopper.shape[1]), (0, 0)))
    squares = squares.repeat(16, 0).repeat(16, 1)[:size, :size]
    return {"collins": collins, "hopper": hopper, "squares": squares}


def thinned(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(-1)
    return flat[:: max(len(flat) // KEPT, 1)]


def raw_outputs(network: str, image: np.ndarray) -> dict[str, np.ndarray]:
    """What MediaPipe's own runtime computes for an input, flat float32 by name."""
    import mediapipe
    from mediapipe.python import packet_creator, packet_getter
    from mediapipe.python._framework_bindings import calculator_graph, resource_util

    resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
    path, size, low, names = NETWORKS[network]
    count = range(len(names))
    ranges = " ".join(f"ranges {{ begin: {i} end: {i + 1} }}" for i in count)
    nodes = [
        'input_stream: "image"',
        *(f'output_stream: "floats{i}"' for i in count),
        'node { calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image" output_stream: "TENSORS:in" options {'
        f" [mediapipe.ImageToTensorCalculatorOptions.ext] {{ output_tensor_width: {size} output_tensor_height: {size}"
        f" output_tensor_float_range {{ min: {low} max: 1 }} }} }} }}",
        'node { calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:resolver" }',
        'node { calculator: "InferenceCalculator" input_stream: "TENSORS:in" output_stream: "TENSORS:out"'
        ' input_side_packet: "OP_RESOLVER:resolver" options { [mediapipe.InferenceCalculatorOptions.ext] {'
        f' model_path: "mediapipe/modules/{path}.tflite" delegate {{ xnnpack {{}} }} }} }} }}',
        'node { calculator: "SplitTensorVectorCalculator" input_stream: "out"',
        *(f'output_stream: "part{i}"' for i in count),
        f"options {{ [mediapipe.SplitVectorCalculatorOptions.ext] {{ {ranges} }} }} }}",
    ]
    for i in count:
        nodes.append(
            f'node {{ calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:part{i}"'
            f' output_stream: "FLOATS:floats{i}" }}'
        )
    graph = calculator_graph.CalculatorGraph(graph_config="\n".join(nodes))
    found: dict[str, np.ndarray] = {}

    def observe(stream: str, name: str) -> None:
        def keep(_, packet):
            found[name] = np.array(packet_getter.get_float_list(packet), np.float32)

        graph.observe_output_stream(stream, keep)

    for i in count:
        observe(f"floats{i}", names[i])
    graph.start_run()
    picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
    graph.add_packet_to_input_stream("image", packet_creator.create_image(picture).at(0))
    graph.close_all_packet_sources()
    graph.wait_until_done()
    return found


def solutions(image: np.ndarray) -> dict[str, np.ndarray]:
    """MediaPipe's ready-made solutions on one picture, in pixels."""
    import mediapipe

    height, width = image.shape[:2]
    kit = mediapipe.solutions
    found = {}

    def pixels(landmarks) -> np.ndarray:
        return np.array([[p.x * width, p.y * height, p.z * width] for p in landmarks.landmark], np.float32)

    detection = kit.face_detection.FaceDetection(model_selection=0).process(image).detections[0].location_data
    box = detection.relative_bounding_box
    found["face_box"] = np.array([box.xmin * width, box.ymin * height, box.width * width, box.height * height])
    found["face_keypoints"] = np.array([[p.x * width, p.y * height] for p in detection.relative_keypoints])
    mesh = kit.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True).process(image)
    found["face"] = pixels(mesh.multi_face_landmarks[0])
    matte = kit.selfie_segmentation.SelfieSegmentation(model_selection=0).process(image).segmentation_mask
    found["matte"] = np.packbits(matte > 0.5)
    pose = kit.pose.Pose(static_image_mode=True, model_complexity=1, enable_segmentation=True).process(image)
    found["body"] = pixels(pose.pose_landmarks)
    found["body_visibility"] = np.array([p.visibility for p in pose.pose_landmarks.landmark], np.float32)
    found["body_world"] = np.array([[p.x, p.y, p.z] for p in pose.pose_world_landmarks.landmark], np.float32)
    return found


def record() -> None:
    values = {}
    for network, (_, size, _, _) in NETWORKS.items():
        for name, image in network_inputs(size).items():
            for output, array in raw_outputs(network, image).items():
                values[f"{network}/{name}/{output}"] = thinned(array)
    for name, image in pictures().items():
        values.update({f"{name}/{key}": array for key, array in solutions(image).items()})
    np.savez_compressed(RECORD, **values)


if __name__ == "__main__":
    record()
