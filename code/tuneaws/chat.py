"""A conversation that remembers what was said, whoever answers."""


class Conversation:
    """What is said to a model and what it answers.

    send    messages → the pieces of the answer, as they come
    system  the system message, sent first; None: none
    """

    def __init__(self, send, system: str | None = None):
        self._send = send
        self.messages = [{"role": "system", "content": system}] if system else []

    def say(self, text: str, show: bool = True) -> str:
        """Say something and return the answer. After an error the conversation is as it was before."""
        said, pieces = [*self.messages, {"role": "user", "content": text}], []
        for piece in self._send(said):
            pieces.append(piece)
            if show:
                print(piece, end="", flush=True)
        if show:
            print()
        self.messages = [*said, {"role": "assistant", "content": "".join(pieces)}]
        return "".join(pieces)

    def forget(self) -> None:
        """Start anew; a system message stays."""
        self.messages = [m for m in self.messages[:1] if m["role"] == "system"]
