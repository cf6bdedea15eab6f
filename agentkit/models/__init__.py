"""Models: who answers."""

from .fallback import FallbackModel
from .model import Model
from .offline import OfflineModel
from .profile import Profile, profile_for
from .recorded import RecordedModel
from .remote import RemoteModel, model_from_environment, resolve
from .scripted import Answer, FunctionModel, ScriptedModel

__all__ = [
    "Answer",
    "FallbackModel",
    "FunctionModel",
    "Model",
    "OfflineModel",
    "Profile",
    "RecordedModel",
    "RemoteModel",
    "ScriptedModel",
    "model_from_environment",
    "profile_for",
    "resolve",
]
