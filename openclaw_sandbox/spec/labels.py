"""The labels on what we make. The `openclaw.*` ones are the reference's, the others are ours."""

SANDBOX = "openclaw.sandbox"  # "1" on every sandbox container, of either tool
SESSION_KEY = "openclaw.sessionKey"  # the scope key
CREATED_AT_MS = "openclaw.createdAtMs"
CONFIG_HASH = "openclaw.configHash"  # the reference's hash of its own inputs
BROWSER = "openclaw.sandboxBrowser"

SPEC = "openclaw-sandbox.spec"  # hash of the whole ContainerSpec and of the image id: our drift
PARTS = "openclaw-sandbox.parts"  # the same part by part ("limits=0123abcd mounts=..."): what drifted
OWNER = "openclaw-sandbox.owner"  # which attempt made it: the name of the maker's intent
STATE = "openclaw-sandbox.state"  # hash of the state folder: whose container it is
STATE_DIR = "openclaw-sandbox.stateDir"  # that folder itself, for messages
VERSION = "openclaw-sandbox.version"  # the version of this tool that made it
ROLE = "openclaw-sandbox.role"  # what a container, image, network or volume of ours is for
JOB = "job"  # a value of ROLE: a container of `run --detach`, whose main process is the command
GATED = "openclaw-sandbox.gated"  # "1" on such a container whose command waits for its maker's word
AGENT = "openclaw-sandbox.agent"

#: On images: what made them.
RECIPE = "openclaw-sandbox.recipe"  # digest of the Dockerfile and its inputs
BASE_DIGEST = "openclaw-sandbox.base"  # image id of the base
BUILT_AT = "openclaw-sandbox.builtAt"  # RFC 3339, UTC
BASE_SOURCE = "openclaw-sandbox.baseSource"  # where the base came from, in words
SUITE = "openclaw-sandbox.suite"  # the distribution's release: "bookworm"
TOOLS = "openclaw-sandbox.tools"  # the programs the image promises, separated by spaces
BUILD = "openclaw-sandbox.build"  # which run of `setup` made it
