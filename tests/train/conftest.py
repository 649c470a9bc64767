"""Training in tests: as quick as it gets, on one thread, so that tests side by side do not wait for each other."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="package")
def _few_scenes_to_calibrate_on():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sunbreak.train.calibration.SCENES", 3)
        patch.setenv("OMP_NUM_THREADS", "1")  # of the commands that tests start
        yield
