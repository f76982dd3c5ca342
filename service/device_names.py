"""What stands for a person's device in Redis, so that no id that an app has made stands there. Pure."""

import hmac

LENGTH = 32  # hexadecimal digits


class DeviceNames:
    """Made with one key. The same device has another name with each user, so that nobody is known by it twice."""

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod="sha256")

    def of(self, user_id: int, device_id: str) -> str:
        """The name of a device; empty where it has no id."""
        if not device_id:
            return ""
        mac = self._mac.copy()
        mac.update(f"{user_id}:{device_id}".encode())
        return mac.hexdigest()[:LENGTH]
