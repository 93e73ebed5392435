# What the devices of `twinproof worker` are to a Locust master: one user is one device. What a device does, and how
# often, the options of the workers say. The master runs none of this; its workers are not Locust's own.
#
#   locust -f locustfile.py --master --expect-workers 2
#   twinproof worker --locust HOST:5557 --sut my-server.toml     (twice)
from locust import User, task


class Device(User):
    @task
    def act(self):
        raise NotImplementedError("devices act in twinproof worker: start the master with --master, and no other worker")
