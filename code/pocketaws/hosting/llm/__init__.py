"""What the LLM serving images speak: their environment, their payloads, their answers and errors.

    environment.py   which model an image is to serve
    fields.py        members of a payload, checked
    openai.py        OpenAI's chat completions and completions, as vLLM answers them
    vllm.py, lmi.py, tgi.py    one image's payloads and errors each

A server is a callable: (body, headers) -> (status, headers, bytes or an iterator of bytes).
"""
