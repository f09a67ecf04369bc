"""The rail for orders hidden in documents: what a user may ask, but no retrieved text may tell an assistant.

It adds to the rules of `injection` those for text that speaks to an assistant, tells it what to tell the user, or sends
data elsewhere. A document that merely asks for a task in plain words passes.
"""

# ruff: noqa: E501 - a pattern is read as one line

from governance.rails.injection import injection_rules
from governance.rails.pattern_rail import Rule, rule
from governance.rails.word_rail import WordRail

_AI = r"(?:ai|a\.i\.|assistants?|llms?|chat-?bots?|bots?|(?:large )?language models?|ai (?:assistants?|models?|agents?|systems?)|gpt(?:-?[0-9])?|chatgpt|copilot|claude|gemini)"


def build_retrieval_injection_rail() -> WordRail:
    """Build the rail `retrieval_injection`."""
    return WordRail("retrieval_injection", [*injection_rules(), *_document_rules()])


def _document_rules() -> list[Rule]:
    answering = r"(?:answer(?:ing)?|respond(?:ing)?|reply(?:ing)?|summari[sz](?:e|ing)|process(?:ing)?|read(?:ing)?|translat(?:e|ing)|using)"
    return [
        rule("addressed_to_ai", 0.9, rf"\b(?:dear|attention|attn|hey|hello|hi|note (?:to|for)|message (?:to|for)|instructions? (?:to|for)|important for)\W{{1,3}}(?:the |all |any |every )?{_AI}\b(?! (?:team|researchers?|engineers?|users?|developers?|group|community))"),
        rule("addressed_to_ai", 0.9, rf"\bif you(?:'re| are) (?:an? |the )?{_AI}\b"),
        rule("addressed_to_ai", 0.9, rf"\b(?:any |all |the |every )?{_AI} (?:that (?:is |are )?)?(?:reading|processing|summari[sz]ing|that reads?|who reads?) this\b"),
        rule("addressed_to_ai", 0.9, rf"\bas an? {_AI},? you (?:must|should|will|have to|are (?:required|obliged|instructed))\b"),
        rule("steers_answer", 0.9, rf"\b(?:when|before|while|after|whenever) (?:you )?(?:are )?{answering}\b[^.\n]{{0,40}}?,? (?:you )?(?:must|should|always|please|be sure to|make sure|do not|don'?t|never|also|first)\b[^.\n]{{0,30}}?\b(?:say|tell|include|mention|add|insert|append|recommend|write|claim|state|link|visit|send|call|use)\b"),
        rule("steers_answer", 0.9, r"\b(?:tell|inform|instruct|convince|persuade|advise|ask|direct|urge) the user(?:s)? (?:to|that|they|about)\b"),
        rule("steers_answer", 0.9, r"\b(?:do not|don'?t|never|without) (?:mention|tell|reveal|inform|disclos|telling|informing|mentioning|alerting|notify|alert)\w*[^.\n]{0,30}?\b(?:the )?users?\b"),
        rule("steers_answer", 0.9, r"\b(?:append|add|include|insert|put|place) (?:the following|this|a link|the (?:link|text|phrase|sentence|words?|url))\b[^.\n]{0,30}?\b(?:to|in|at|into|of) (?:the (?:end of )?|your |every |each )*(?:answer|response|reply|output|summary)s?\b"),
        rule("exfiltration", 0.95, r"!\[[^\]\n]{0,20}\]\(https?://[^)\s]{1,60}[?&](?:data|d|q|query|msg|message|content|info|secret|token|chat|conversation|prompt|history|user|text|c|payload|leak|exfil)="),
        rule("exfiltration", 0.9, r"\b(?:send|forward|post|upload|transmit|exfiltrate|e-?mail|leak|submit)\b[^.\n]{0,40}?\b(?:conversation|chat history|user'?s? (?:data|information|messages?|details|credentials|password)|system prompt|api keys?|credentials|passwords?)\b[^.\n]{0,20}?\b(?:to|at|via)\b"),
        rule("hidden_text", 0.9, r"<!--[^>]{0,60}?\b(?:ignore|assistant|instruction|prompt|you must|ai model|system)\b|<(?:span|div|p)[^>]{0,60}(?:display: ?none|font-size: ?0|color: ?(?:white|#fff))"),
    ]  # fmt: skip
