"""Models: who answers."""

from .model import Model
from .offline import OfflineModel
from .profile import Profile, profile_for
from .remote import RemoteModel, model_from_environment, resolve
from .scripted import Answer, FunctionModel, ScriptedModel

__all__ = [
    "Answer",
    "FunctionModel",
    "Model",
    "OfflineModel",
    "Profile",
    "RemoteModel",
    "ScriptedModel",
    "model_from_environment",
    "profile_for",
    "resolve",
]
