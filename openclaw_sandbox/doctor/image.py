"""The image that sandboxes are made of. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_sandbox.doctor.debian import is_older
from openclaw_sandbox.doctor.model import Finding, fail, ok, skip, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openclaw_sandbox.doctor.facts import Facts, ImageFacts

OLD_DAYS = 30


def check_image(facts: Facts) -> Iterator[Finding]:
    """Is it there, is it ours, is it fresh, what is in it?"""
    image = facts.image
    if image is None:
        yield skip("image.present", "Without an engine no image can be looked at.")
        return
    if image.found is None:
        hint = "openclaw-sandbox setup"
        yield fail("image.present", f"The image {image.reference} is not on this machine.", hint)
        return
    yield ok("image.present", f"{image.reference}, {image.found.size_bytes / 1e6:.0f} MB.")
    yield _recipe(image)
    yield _age(image)
    yield _user(image)
    yield _setuid(image)
    yield _updates(image)
    yield _scan(image, offline=facts.offline)


def _recipe(image: ImageFacts) -> Finding:
    if not image.why_rebuild:
        return ok("image.recipe", "It was built by this tool from the recipe that is shipped.")
    return warn("image.recipe", f"setup would build it anew: {image.why_rebuild}.", "openclaw-sandbox setup")


def _age(image: ImageFacts) -> Finding:
    if image.age_days is None:
        return skip("image.age", "The image does not say when it was built.")
    if image.age_days > OLD_DAYS:
        message = f"It was built {image.age_days} days ago: newer packages are missing."
        return warn("image.age", message, "openclaw-sandbox setup --force")
    return ok("image.age", f"It was built {image.age_days} days ago.")


def _user(image: ImageFacts) -> Finding:
    user = image.found.user if image.found is not None else ""
    if user.partition(":")[0] in ("", "0", "root"):
        message = "The image's own user is root. Sandboxes get a user of their own; other tools may not."
        return warn("image.user", message, "openclaw-sandbox setup")
    return ok("image.user", f"Its user is {user}.")


def _setuid(image: ImageFacts) -> Finding:
    if image.inside is None:
        return skip("image.setuid", image.inside_error or "No sandbox was made of it.")
    files = image.inside.setuid_files
    if files:
        message = f"{len(files)} files with setuid or setgid: no use, as nothing raises rights in a sandbox."
        return warn("image.setuid", message, "openclaw-sandbox setup", *files[:20])
    return ok("image.setuid", "No setuid or setgid files.")


def _updates(image: ImageFacts) -> Finding:
    if image.inside is None:
        return skip("image.updates", image.inside_error or "No sandbox was made of it.")
    if image.candidates is None:
        return skip("image.updates", "This host has no package lists of the image's release.")
    waiting = [
        f"{name} {version} -> {image.candidates[name]}"
        for name, version in sorted(image.inside.packages.items())
        if name in image.candidates and is_older(version, image.candidates[name])
    ]
    if waiting:
        message = f"{len(waiting)} packages of the image have updates."
        return warn("image.updates", message, "openclaw-sandbox setup --force", *waiting[:20])
    return ok("image.updates", f"All {len(image.inside.packages)} packages are as new as this host's lists.")


def _scan(image: ImageFacts, *, offline: bool) -> Finding:
    if not image.scanner:
        return skip("image.scan", "Neither trivy nor grype is installed.")
    if image.scan is None:
        why = "it may need the network, and --offline was asked for" if offline else "it gave no answer"
        return skip("image.scan", f"{image.scanner} was not asked: {why}.")
    grave = {name: count for name, count in image.scan.items() if name in ("CRITICAL", "HIGH") and count}
    if grave:
        words = ", ".join(f"{count} {name.lower()}" for name, count in grave.items())
        return warn("image.scan", f"{image.scanner} found {words}.", "openclaw-sandbox setup --force")
    return ok("image.scan", f"{image.scanner} found nothing grave.")
