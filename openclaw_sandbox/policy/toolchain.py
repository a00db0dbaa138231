"""Every stage of OpenClaw's tool policy for one session, in its order. Each stage can only remove tools.

Two of them depend on what only a running session has: the model that answers, and who writes in a chat group.
What the config says about both is taken; what stays open is said in `Chain.unknown`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_sandbox.dataclass import dataclass
from openclaw_sandbox.policy import tools as rules
from openclaw_sandbox.policy.agents import configured_agents, find_agent
from openclaw_sandbox.policy.chatgroup import GroupRules, group_rules
from openclaw_sandbox.policy.javascript import trim
from openclaw_sandbox.policy.tools import ToolsConfig, tools_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_sandbox.config.model import LoadedConfig
    from openclaw_sandbox.config.origin import KeyPath, Origin
    from openclaw_sandbox.policy.agents import Agent
    from openclaw_sandbox.policy.model import EffectivePolicy

_AGENT = "agents.list[].tools"
#: A subagent that may have none of its own loses these too.
_LEAF_DENY = ("sessions_list", "sessions_history", "sessions_spawn")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRule:
    """One allow or deny list: where it stands, its entries as written, and what they stand for.

    An empty allow list allows what is not denied. `built_in`: no file holds it, the entries are OpenClaw's.
    """

    key: str
    written: tuple[str, ...] = ()
    origin: Origin | None = None
    built_in: bool = False

    @property
    def entries(self) -> tuple[str, ...]:
        """Normalized, groups replaced by their members."""
        return rules.expand(self.written)

    def match(self, tool: str) -> str | None:
        """The entry, as written, that means this tool."""
        found = (text for text in self.written if rules.first_match(rules.expand([text]), tool) is not None)
        return next(found, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStage:
    """One stage; `key` names it."""

    key: str
    allow: ToolRule
    deny: ToolRule

    def passes(self, tool: str) -> bool:
        """Whether it lets a normalized tool through; who may `exec` may also `apply_patch`."""
        if self.deny.match(tool) is not None:
            return False
        wanted = (tool, "exec") if tool == "apply_patch" else (tool,)
        return not self.allow.written or any(self.allow.match(name) is not None for name in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Which model answers, as far as it is known; `origin` is the config's choice, None what a flag says."""

    provider: str | None = None
    name: str | None = None
    origin: Origin | None = None

    def lookups(self) -> tuple[str, ...]:
        """The keys of `byProvider` that mean it, the most exact first."""
        if self.provider is None:
            return ()
        exact = (f"{self.provider}/{self.name}",) if self.name else ()
        return (*exact, self.provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The stages of one session; `unknown` are sentences about what may come on top."""

    stages: tuple[ToolStage, ...]
    model: Model
    unknown: tuple[str, ...] = ()


def tool_chain(
    config: LoadedConfig, policy: EffectivePolicy, *, provider: str | None = None, model: str | None = None
) -> Chain:
    """The stages for the session of `policy`. `provider` and `model` say which model answers."""
    agent = find_agent(configured_agents(config.data), policy.agent_id)
    blocks = tools_config(config, agent)
    known = _model(config, agent, provider, model)
    group = group_rules(config, policy.session_key)
    early = [*_configured(blocks, known), *_group_stage(group)]
    stages = [_dropped(stage) if _without_effect(stage) else stage for stage in early]
    if policy.sandboxed_by_openclaw:
        stages.append(_sandbox_stage(blocks))
    if ":subagent:" in policy.session_key.lower():
        stages.append(_subagent_stage(config, blocks, policy.session_key.lower()))
    unknown = (*_unknown_model(blocks, known), *group.unknown)
    return Chain(stages=tuple(stages), model=known, unknown=unknown)


def _model(config: LoadedConfig, agent: Agent, provider: str | None, model: str | None) -> Model:
    """What the flags say, else the agent's model, else that of `agents.defaults`."""
    if provider is not None or model is not None:
        named, slash, rest = (model or "").partition("/")
        text = provider if provider is not None else named if slash else ""
        return Model(provider=_plain(text), name=_plain(rest if slash else named))
    places: tuple[tuple[Any, KeyPath], ...] = (
        (agent.data.get("model"), (*agent.path, "model")),
        (_at(config.data, "agents", "defaults", "model"), ("agents", "defaults", "model")),
    )
    for value, path in places:
        primary = value.get("primary") if isinstance(value, Mapping) else value
        if isinstance(primary, str) and trim(primary):
            named, slash, rest = primary.partition("/")
            origin = config.origin_of(path)
            return Model(provider=_plain(named) if slash else None, name=_plain(rest or named), origin=origin)
    return Model()


def _plain(text: str) -> str | None:
    return trim(text).lower() or None


def _at(data: Any, *path: str) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """A mapping that may hold allow, alsoAllow, deny and a profile, and where it stands."""

    key: str
    data: Mapping[str, Any]
    origin: Callable[[KeyPath], Origin]


def _configured(blocks: ToolsConfig, model: Model) -> Iterator[ToolStage]:
    """Profile, the provider's profile, then each block's lists, each followed by its provider's."""
    shared = _Block(key="tools", data=blocks.shared, origin=blocks.shared_origin)
    mine = _Block(key=_AGENT, data=blocks.agent, origin=blocks.agent_origin)
    theirs, own = _provider_block(shared, model), _provider_block(mine, model)
    yield from _profile_stage(mine, shared)
    yield from _profile_stage(*(block for block in (own, theirs) if block is not None))
    for block in (shared, theirs, mine, own):
        if block is not None:
            yield from list_stage(block.key, block.data, block.origin)


def _provider_block(block: _Block, model: Model) -> _Block | None:
    """The entry of `byProvider` for the model, or for its provider."""
    by_provider = block.data.get("byProvider")
    if not isinstance(by_provider, Mapping):
        return None
    written = {trim(name).lower(): name for name in by_provider}
    name = next((written[key] for key in model.lookups() if key in written), None)
    if name is None or not isinstance(by_provider[name], Mapping):
        return None
    return _Block(
        key=f"{block.key}.byProvider.{name}",
        data=by_provider[name],
        origin=lambda path: block.origin(("byProvider", name, *path)),
    )


def _profile_stage(*blocks: _Block) -> Iterator[ToolStage]:
    """The first block's profile that is set, with the first `alsoAllow`; `full` restricts nothing."""
    chosen = next((block for block in blocks if block.data.get("profile") is not None), None)
    members = rules.PROFILES.get(str(chosen.data["profile"]), ()) if chosen is not None else ()
    if chosen is None or not members:
        return
    extra = next((b.data["alsoAllow"] for b in blocks if isinstance(b.data.get("alsoAllow"), list)), ())
    key = f"{chosen.key}.profile={chosen.data['profile']}"
    allow = ToolRule(
        key=f"{chosen.key}.alsoAllow",
        written=(*members, *extra),
        origin=chosen.origin(("profile",)),
    )
    yield ToolStage(key=key, allow=allow, deny=ToolRule(key=key))


def list_stage(key: str, data: Mapping[str, Any], origin: Callable[[KeyPath], Origin]) -> Iterator[ToolStage]:
    """The lists of one block, if it has any. `alsoAllow` without `allow` adds to everything."""
    allow, extra, deny = (_texts(data.get(name)) for name in ("allow", "alsoAllow", "deny"))
    written = (*(allow or (("*",) if extra else ())), *extra)
    if written or deny:
        word = "allow" if allow or not extra else "alsoAllow"
        yield ToolStage(
            key=key,
            allow=ToolRule(key=f"{key}.{word}", written=written, origin=origin((word,))),
            deny=ToolRule(key=f"{key}.deny", written=deny, origin=origin(("deny",))),
        )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(entry) for entry in value) if isinstance(value, list) else ()


def _group_stage(group: GroupRules) -> Iterator[ToolStage]:
    if group.rules is not None:
        yield from list_stage(group.key, group.rules, group.origin)


def _without_effect(stage: ToolStage) -> bool:
    """An early allow list that names no tool of OpenClaw's own is dropped: a typo locks nobody out."""
    entries = stage.allow.entries
    return bool(entries) and not any("*" in entry or entry in rules.CORE_TOOLS for entry in entries)


def _dropped(stage: ToolStage) -> ToolStage:
    return ToolStage(key=stage.key, allow=ToolRule(key=stage.allow.key), deny=stage.deny)


def _sandbox_stage(blocks: ToolsConfig) -> ToolStage:
    policy, allow, deny = rules.sandbox_tools(blocks)
    added = tuple(name for name in policy.allow if name not in rules.expand(allow.entries))
    allowed = ToolRule(
        key=allow.key,
        written=(*allow.entries, *added),
        origin=allow.origin,
        built_in=allow.source == "default",
    )
    denied = ToolRule(
        key=deny.key, written=deny.entries, origin=deny.origin, built_in=deny.source == "default"
    )
    return ToolStage(key=allow.key.removesuffix(".allow"), allow=allowed, deny=denied)


def _subagent_stage(config: LoadedConfig, blocks: ToolsConfig, session_key: str) -> ToolStage:
    own = _at(blocks.shared, "subagents", "tools")
    own = own if isinstance(own, Mapping) else {}
    deepest = _at(config.data, "agents", "defaults", "subagents", "maxSpawnDepth")
    limit = max(1, int(deepest)) if isinstance(deepest, (int, float)) and deepest < 1000 else 1
    leaf = _LEAF_DENY if session_key.count(":subagent:") >= limit else ()
    denied, key = _texts(own.get("deny")), "tools.subagents.tools"
    place = ("subagents", "tools")
    return ToolStage(
        key=key,
        allow=ToolRule(
            key=f"{key}.allow",
            written=_texts(own.get("allow")),
            origin=blocks.shared_origin((*place, "allow")),
        ),
        deny=ToolRule(
            key=f"{key}.deny",
            written=(*rules.SUBAGENT_DENY, *leaf, *denied),
            origin=blocks.shared_origin((*place, "deny")),
            built_in=not denied,
        ),
    )


def _unknown_model(blocks: ToolsConfig, model: Model) -> Iterator[str]:
    """Rules by provider that may or may not be this session's."""
    found = [_at(block, "byProvider") for block in (blocks.shared, blocks.agent)]
    keys = [str(key) for by_provider in found if isinstance(by_provider, Mapping) for key in by_provider]
    if not keys:
        return
    if model.provider is None:
        yield f"tools.byProvider has rules ({_some(keys)}): name the model's provider with --provider."
    elif model.name is None and (mine := [key for key in keys if _is_model_of(key, model.provider)]):
        yield f"tools.byProvider has rules for models ({_some(mine)}): name the model with --model."
    elif model.origin is not None:
        known = f"{model.provider}/{model.name}" if model.name else model.provider
        yield f"the model is taken from the config ({known}); a session that chose another has other rules."


def _is_model_of(key: str, provider: str) -> bool:
    return trim(key).lower().startswith(f"{provider}/")


def _some(names: Sequence[str]) -> str:
    shown = list(dict.fromkeys(names))
    return ", ".join(shown[:3]) + (", ..." if len(shown) > 3 else "")
