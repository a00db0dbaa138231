"""DockerImages: engine/images.py over the Docker SDK.

The SDK is loaded here and nowhere else, on first use: importing it costs more than a warm `run`.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.engine.docker.buildlog import BuildLog
from openclaw_sandbox.engine.docker.failure import parsing
from openclaw_sandbox.engine.docker.info import parse_image
from openclaw_sandbox.engine.images import Belonging
from openclaw_sandbox.errors import (
    EngineError,
    EngineHangingError,
    EngineLostError,
    EngineUnavailableError,
    RegistryError,
    SandboxError,
    UsageError,
    VerbFailedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from openclaw_sandbox.engine.base import ImageInfo
    from openclaw_sandbox.engine.docker.endpoint import Endpoint
    from openclaw_sandbox.engine.images import BuildRequest, BuildStep

_QUICK_S = 20  # look-ups and removals
_SILENCE_S = 600  # between two signs of life of a build, a transfer, an import


class DockerImages:
    """Images, networks and volumes of one Docker Engine."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._clients: dict[int, Any] = {}

    # ---- looking

    def find(self, reference: str) -> ImageInfo | None:
        """See ImageStore.find."""
        from docker.errors import ImageNotFound

        doing = f"look up the image {reference}"
        with self._failures(doing):
            try:
                document = self._api().inspect_image(reference)
            except ImageNotFound:
                return None
        with parsing(self._endpoint.url, doing):
            return parse_image(document)

    def labelled(self, label: str, *, intermediate: bool = False) -> list[ImageInfo]:
        """See ImageStore.labelled."""
        with self._failures("list images"):
            listed = self._api().images(all=intermediate, filters={"label": label})
        with parsing(self._endpoint.url, "list images"):
            ids = [str(item["Id"]) for item in listed]
        return [image for image in map(self.find, ids) if image is not None]

    def registry_digest(self, reference: str, *, timeout_s: float) -> str:
        """See ImageStore.registry_digest."""
        try:
            with self._failures(f"ask a registry for {reference}"):
                answer = self._api(round(timeout_s)).inspect_distribution(reference)
        except EngineError as error:
            raise RegistryError(
                f"No image registry gave {reference}.",
                details=error.details or (error.brief,),
                hint="--base bootstrap makes a base image from the distribution's packages.",
            ) from None
        return str(answer["Descriptor"]["digest"])

    # ---- making

    def pull(self, name: str, digest: str, on_progress: Callable[[str], None]) -> str:
        """See ImageStore.pull."""
        transfer = Transfer()
        try:
            with self._failures(f"fetch {name}@{digest}"):
                events = self._api(_SILENCE_S).pull(name, tag=digest, stream=True, decode=True)
                with contextlib.closing(events):
                    for event in events:
                        if "error" in event:
                            raise EngineError(str(event["error"]))
                        if text := transfer.feed(event):
                            on_progress(text)
        except EngineUnavailableError:
            raise
        except EngineError as error:
            raise RegistryError(f"Fetching {name} failed.", details=error.details or (error.brief,)) from None
        image = self.find(f"{name}@{digest}")
        if image is None:
            raise RegistryError(f"The engine fetched {name}@{digest} and does not have it.")
        return image.id

    def import_rootfs(self, tar: Path, labels: Mapping[str, str]) -> str:
        """See ImageStore.import_rootfs."""
        import json

        with self._failures("import the base image"), tar.open("rb") as stream:
            changes = [f"LABEL {json.dumps(key)}={json.dumps(value)}" for key, value in labels.items()]
            answer = str(self._api(_SILENCE_S).import_image(stream, changes=changes))
        try:
            last = json.loads(answer.splitlines()[-1])
        except (ValueError, IndexError, RecursionError):
            last = None
        if not isinstance(last, dict) or "status" not in last:
            said = last.get("error", answer) if isinstance(last, dict) else answer
            raise refusal("import the base image", str(said)[:2000])
        return str(last["status"])

    def build(self, request: BuildRequest, listener: Callable[[BuildStep | str], None]) -> str:
        """See ImageStore.build."""
        import io

        log = BuildLog(listener)
        with self._failures("build the image"):
            events = self._api().build(
                fileobj=io.BytesIO(request.context),
                custom_context=True,
                dockerfile=request.dockerfile,
                buildargs=dict(request.arguments),
                labels=dict(request.labels),
                network_mode="host",
                nocache=True,
                rm=True,
                forcerm=True,
                decode=True,
                timeout=_SILENCE_S,
            )
            with contextlib.closing(events):  # closing the stream makes the engine give the build up
                for event in events:
                    log.feed(event)
        return log.result()

    def tag(self, image_id: str, reference: str) -> None:
        """See ImageStore.tag."""
        repository, _, tag = reference.rpartition(":")
        with self._failures(f"name the image {reference}"):
            self._api().tag(image_id, repository, tag)

    def remove(self, reference: str) -> str:
        """See ImageStore.remove."""
        return self._remove(f"remove {reference}", lambda: self._api().remove_image(reference))

    # ---- carrying

    def save(self, image_id: str) -> Iterator[bytes]:
        """See ImageStore.save."""
        with self._failures("save the image"):
            yield from self._api(_SILENCE_S).get_image(image_id)

    def load(self, archive: Iterable[bytes]) -> tuple[str, ...]:
        """See ImageStore.load."""
        said: list[str] = []
        with self._failures("load the images"):
            for event in self._api(_SILENCE_S).load_image(archive):
                if "error" in event:
                    raise refusal("load the images", str(event["error"]))
                said.append(str(event.get("stream", "")))
        return tuple(re.findall(r"sha256:[0-9a-f]{64}", " ".join(said)))

    # ---- networks and volumes

    def belongings(self, label: str) -> list[Belonging]:
        """See ImageStore.belongings."""
        doing = "list networks and volumes"
        with self._failures(doing):
            networks = self._api().networks(filters={"label": label})
            volumes = self._api().volumes(filters={"label": label})
        with parsing(self._endpoint.url, doing):
            return [
                Belonging(
                    kind=kind,
                    id=str(item[key]),
                    name=str(item["Name"]),
                    labels=dict(item.get("Labels") or {}),
                )
                for kind, key, items in (
                    ("network", "Id", networks),
                    ("volume", "Name", volumes.get("Volumes") or []),
                )
                for item in items
            ]

    def remove_belonging(self, belonging: Belonging) -> str:
        """See ImageStore.remove_belonging."""
        api = self._api()
        remove = api.remove_network if belonging.kind == "network" else api.remove_volume
        return self._remove(f"remove the {belonging.kind} {belonging.name}", lambda: remove(belonging.id))

    # ---- the SDK

    def _remove(self, doing: str, action: Callable[[], object]) -> str:
        from docker.errors import APIError, NotFound

        with self._failures(doing):
            try:
                action()
            except NotFound:
                return ""
            except APIError as error:
                if error.status_code in (403, 409):
                    return str(error.explanation)
                raise
        return ""

    def _api(self, timeout_s: int = _QUICK_S) -> Any:
        """A client whose calls may be silent for `timeout_s`. Any: the types of the SDK have gaps."""
        if timeout_s not in self._clients:
            self._clients[timeout_s] = self._connect(timeout_s)
        return self._clients[timeout_s]

    def _connect(self, timeout_s: int) -> Any:
        from docker import APIClient
        from docker.errors import DockerException
        from docker.tls import TLSConfig

        end = self._endpoint
        try:
            tls: TLSConfig | bool = False
            if end.cert_dir:
                pair = (f"{end.cert_dir}/cert.pem", f"{end.cert_dir}/key.pem")
                tls = TLSConfig(client_cert=pair, ca_cert=f"{end.cert_dir}/ca.pem", verify=end.verify_tls)
            return APIClient(
                base_url=end.url,
                version="auto",
                timeout=timeout_s,
                tls=tls,
                use_ssh_client=end.url.startswith("ssh://"),
            )
        except DockerException as error:
            raise EngineLostError(f"The engine at {end.url} cannot be used.", details=[str(error)]) from None

    @contextlib.contextmanager
    def _failures(self, doing: str) -> Iterator[None]:
        """Turn what the SDK and its HTTP library raise into our errors."""
        from docker.errors import APIError, DockerException
        from requests.exceptions import ReadTimeout, RequestException
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        try:
            yield
        except SandboxError:
            raise
        except APIError as error:
            raise refusal(doing, str(error.explanation or error)) from None
        except (ReadTimeout, ReadTimeoutError):
            raise EngineHangingError(
                f"The engine was asked to {doing} and does not answer.",
                hint="See what it does: journalctl -u docker; restart it: sudo systemctl restart docker",
            ) from None
        except (RequestException, HTTPError, DockerException, ConnectionError) as error:
            raise EngineLostError(
                f"The connection to the engine broke while it was to {doing}.", details=[str(error)]
            ) from None


def refusal(doing: str, said: str) -> SandboxError:
    """The engine refused. A full disk or a broken archive is the verb's failure, the rest is the engine's."""
    if "no space left on device" in said:
        return VerbFailedError(
            f"The disk is full: the engine could not {doing}.",
            hint="Free space below the engine's data folder: docker system df, docker system prune",
            details=[said],
        )
    if re.search(r"unexpected EOF|invalid tar header|diff ?ID|archive/tar|invalid checksum", said):
        return VerbFailedError(f"The archive is damaged: the engine could not {doing}.", details=[said])
    if re.search(r"invalid reference format", said):
        return UsageError(f"Not the name of an image: the engine could not {doing}.", details=[said])
    return EngineError(f"The engine could not {doing}.", details=[said])


class Transfer:
    """Adds up the layers of a pull."""

    def __init__(self) -> None:
        self._layers: dict[str, tuple[int, int]] = {}

    def feed(self, event: dict[str, Any]) -> str:
        """How far the transfer is; nothing when this event does not say."""
        detail = event.get("progressDetail") or {}
        if event.get("status") != "Downloading" or not detail.get("total"):
            return ""
        self._layers[str(event.get("id"))] = (int(detail.get("current", 0)), int(detail["total"]))
        done, total = (sum(column) for column in zip(*self._layers.values(), strict=True))
        return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"
