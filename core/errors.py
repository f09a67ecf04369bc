"""The errors of the core package; every one is a CoreError, so that one except clause catches them all.

CoreError
├── SettingsError        a setting is unknown, malformed or contradicts another
├── StoreError           the database can't be opened, migrated, written, backed up or restored
├── DatasetError         a dataset can't be read, ingested or found
├── RetrievalError       an index can't be opened or searched
├── ModelError           weights, tokenizer or adapter are missing, corrupt or not allowed
├── EngineError          generation failed, or the engine is dead
│   └── PermitRefused    the engine was asked to run without a valid Permit
└── TrainingError        training can't start, resume or export
"""


class CoreError(Exception):
    """The root of all errors that core raises on purpose."""


class SettingsError(CoreError):
    """A setting is unknown, malformed or contradicts another."""


class StoreError(CoreError):
    """The database can't be opened, migrated, written, backed up or restored."""


class DatasetError(CoreError):
    """A dataset can't be read, ingested or found."""


class RetrievalError(CoreError):
    """An index can't be opened or searched."""


class ModelError(CoreError):
    """Weights, tokenizer or adapter are missing, corrupt or not allowed."""


class EngineError(CoreError):
    """Generation failed, or the engine is dead."""


class PermitRefused(EngineError):
    """The engine was asked to run without a valid Permit."""


class TrainingError(CoreError):
    """Training can't start, resume or export."""
