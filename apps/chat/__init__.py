"""The chat app's screens, a file each; `build_chat` composes them for the server in `apps.chat_app`."""

from apps.chat.layout import CHAT_CSS, CHAT_HEAD, CHAT_THEME, build_chat

__all__ = ["CHAT_CSS", "CHAT_HEAD", "CHAT_THEME", "build_chat"]
