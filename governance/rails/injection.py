"""The rail for prompt injection: orders to drop the rules, jailbreak roles, and attempts to read the system prompt.

It knows phrases, not meanings: an attack in new words, in another language, or hidden in a story passes. Its scores
tell an attack (0.9 and more) from weaker signs; a phrase that is quoted as an example scores 0.6.
"""

# ruff: noqa: E501 - a pattern is read as one line

import re
from dataclasses import replace

from governance.rails.pattern_rail import Rule, rule
from governance.rails.word_rail import WordRail

_DROP = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|bypass(?:ing)?|neglect|overlook|discard|erase|dismiss|"
    r"(?:do not|don'?t|stop|no longer|never) (?:follow|obey|listen to|comply with|adhere to|pay attention to|consider)(?:ing)?|"
    r"pay no attention to|set aside|throw away|delete|cancel|unlearn)"
)
_EARLIER = r"(?:previous(?:ly)?|prior|above|earlier|preceding|initial|original|foregoing|former|existing|current|system|last|past|old)"
_WHOSE = r"(?:all|any|every|each|the|your|these|those|of|its|other|safety|content|ethical|given|built-in|such|what|everything|and|that|developer)"
_ORDERS = (
    r"(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|orders|constraints?|restrictions?|"
    r"programming|training|guardrails?|safeguards?|protocols?|policies|limitations|filters?|system message)"
)
_HIDDEN_TEXT = (
    r"(?:(?:system|initial|original|hidden|secret|developer|internal|full|entire|exact|starting|base|pre-?)[ -]?"
    r"(?:prompts?|instructions?|messages?|rules|directives|guidelines|configuration)|preprompt|pre-prompt)"
)
_TELL = (
    r"(?:reveal|show|print|repeat|output|display|tell|give|write|list|summari[sz]e|dump|leak|expose|copy|translate|encode|"
    r"recite|share|disclose|return|echo|send|provide|state|paste|spell|what (?:is|are|was|were)|what'?s|read)"
)
_MENTION = re.compile(
    r"(?:such as|example|phrase|like|called|says?|wrote|words|attacks?|injection|sentence|text)\W{0,3}[\"'“‘`]$"
)


def injection_rules() -> list[Rule]:
    """Return the rules for text that a user writes."""
    rules = [*_override_rules(), *_role_rules(), *_extraction_rules(), *_marker_rules()]
    return [replace(each, is_mention=_is_mentioned) for each in rules]


def build_injection_rail() -> WordRail:
    """Build the rail `injection`."""
    return WordRail("injection", injection_rules())


def _override_rules() -> list[Rule]:
    gap = r"(?:\W{1,3}[\w'-]+){0,2}?\W{1,3}"
    return [
        rule("override", 0.95, rf"\b{_DROP}(?:\W{{1,3}}{_WHOSE})*\W{{1,3}}{_EARLIER}\b{gap}{_ORDERS}\b"),
        rule("override", 0.95, rf"\b{_DROP}(?:\W{{1,3}}{_WHOSE}){{1,4}}\W{{1,3}}{_ORDERS}\b(?!\W{{1,3}}(?:for|of|in|on|from) )"),
        rule("override", 0.95, rf"\b{_DROP}\W{{1,3}}(?:all |any |the |your )*{_ORDERS}\W{{1,3}}(?:above|before|you(?: were|'ve been| have been| got))\b"),
        rule("override", 0.9, r"\b(?:ignore|disregard|forget)\W{1,3}(?:all|everything|anything|whatever)\b(?:\W{1,3}[\w']+){0,4}?\W{1,3}(?:above|before|said|told|instructed|learned|previously|prior)\b"),
        rule("override", 0.95, r"\b(?:ignore|disregard|forget)(?:all|the|your|any|my){0,2}(?:previous|prior|above|earlier)(?:instructions?|rules|prompts?|guidelines|orders)"),
        rule("override", 0.9, r"\b(?:new|updated|real|actual|true|different) (?:instructions?|orders|directives?|task|rules?)(?: (?:are|is|follow|begin|start)[^.\n]{0,20})?:"),
        rule("override", 0.95, r"\b(?:ignore|disregard|forget) (?:all |any |every |the )*(?:other |user |further )?(?:text|inputs?|messages?|everything|sentences) (?:except|above|below|before|after|other than)\b"),
        rule("override", 0.95, r"\b(?:ignorier(?:e|en sie)|vergiss|vergessen sie)\b[^.\n]{0,20}\b(?:anweisungen|regeln|instruktionen|vorgaben)\b|\b(?:ignora|olvida|ignore[zr]?|oublie[zr]?|esque[cç]a|dimentica)\b[^.\n]{0,20}\b(?:instrucciones|instru[cç][oõ]es|consignes|instructions|istruzioni|r[eè]gles|reglas|regole)\b[^.\n]{0,12}\b(?:anterior|pr[eé]c[eé]dent|previ|ant[eé]rieur|prior)\w*"),
        rule("override", 0.9, r"\b(?:system|administrator|admin|security|developer|safety|policy) overrides?(?: (?:code|enabled|activated|command|initiated|accepted))?\b ?[:,!]|\byou have (?:been given|received) a (?:system )?(?:upgrade|update)\b"),
        rule("override", 0.9, r"\bfrom now on,? (?:you|ignore|respond|answer|act|always)\b[^.\n]{0,40}\b(?:must|will|are|no longer|never|only|as)\b"),
    ]  # fmt: skip


def _role_rules() -> list[Rule]:
    free = (
        r"(?:un(?:restricted|filtered|censored|limited|ethical|aligned|bound)|amoral|immoral|evil|jail-?broken|rogue|malicious|"
        r"no (?:\w+ ){0,2}(?:restrictions?|limits?|limitations|filters?|rules|ethics|morals|guidelines|boundaries|censorship))"
    )
    return [
        rule("jailbreak", 0.95, r"\bdo anything now\b|\b(?:dan|developer|debug|god|jailbreak|sudo|admin|unrestricted|opposite|evil|chaos|maintenance|testing|recovery|diagnostic) mode\W{1,3}(?:is |now |has been )?(?:enabled|activated|on|output|active|unlocked)\b"),
        rule("jailbreak", 0.95, r"\b(?:enable|enter|activate|switch to|go into|turn on|simulate|now in|now entering) (?:\w+ )?(?:dan|maintenance|diagnostic|testing|developer|debug|god|jailbreak|sudo|unrestricted|evil) mode\b"),
        rule("jailbreak", 0.95, rf"\b(?:pretend|act|roleplay|role-play|behave|respond|answer|imagine|simulate|you are(?: now)?|you(?:'re| will be| will act| must act)|be) (?:as |like |that |to be |being |you(?:'re| are) |now )*(?:[\w',-]+ ){{0,5}}?{free}\b"),
        rule("jailbreak", 0.95, r"\byou are (?:now )?(?:going to (?:act|pretend|be) (?:as )?)?(?:dan|aim|stan|dude|mongo tom|evil-?bot|chaosgpt|betterdan|maximum)\b"),
        rule("jailbreak", 0.9, r"\b(?:free|freed|released|liberated|unbound|broken free) (?:from|of) (?:\w+ ){0,4}(?:restrictions?|rules|confines|guidelines|limitations|constraints|shackles|policies|filters)\b"),
        rule("jailbreak", 0.9, r"\b(?:without|bypass(?:ing)?|disable|remove|turn off|lift|drop) (?:any |all |your |the |of |its )*(?:\w+ ){0,2}(?:restrictions|censorship|filters?|content polic(?:y|ies)|moral(?:s|ity)?|ethic(?:s|al)\w*(?: \w+)?|safety (?:rules|guidelines|features|filters|measures|protocols)|guardrails|disclaimers?|warnings)\b"),
        rule("jailbreak", 0.9, r"\b(?:does(?: not|n'?t)|do(?: not|n'?t)|need not|never) (?:have to |need to |)?(?:abide by|follow|comply with|adhere to|care about|obey) (?:\w+ ){0,3}(?:rules|guidelines|laws|polic(?:y|ies)|restrictions|ethics|morals?)\b"),
        rule("jailbreak", 0.9, r"\b(?:you (?:can(?:not|'?t)|will (?:never|not)|must (?:never|not)|are not allowed to|may not|never)) (?:refuse|decline|reject|say (?:no|you can'?t|that you can'?t)|apologi[sz]e|break character)\b"),
        rule("jailbreak", 0.9, r"\bstay in character\b|\bremain in character\b|\byou (?:have been|are|were|got) jail-?broken\b"),
        rule("jailbreak", 0.9, r"\b(?:start|begin) (?:your |the |each |every )?(?:response|answer|reply|message|sentence)s? with [\"'“]?(?:sure|absolutely|of course|yes,|certainly|\[?jailbreak|\[?dan)"),
    ]  # fmt: skip


def _extraction_rules() -> list[Rule]:
    return [
        rule("prompt_extraction", 0.95, rf"\b{_TELL}\b(?:\W{{1,3}}[\w'-]+){{0,6}}?\W{{1,3}}(?:your|the|this|its|ur)\b(?:\W{{1,3}}[\w'-]+){{0,2}}?\W{{1,3}}{_HIDDEN_TEXT}\b"),
        rule("prompt_extraction", 0.95, rf"\b{_TELL}\b(?:\W{{1,3}}[\w'-]+){{0,4}}?\W{{1,3}}your (?:\w+ )?(?:instructions|prompt|rules|directives|guidelines)\b"),
        rule("prompt_extraction", 0.9, r"\b(?:repeat|print|output|copy|recite|echo|write|display|return|translate) (?:back |out |me |down )?(?:everything|all|the (?:text|words|content|sentences?|message|paragraph|lines|above)|every word|any text|what(?:ever)?)\b[^.\n]{0,30}?\b(?:above|before this|preceding|prior|so far|previous(?:ly)?)\b"),
        rule("prompt_extraction", 0.9, r"\bwhat (?:instructions|rules|prompt|directions|guidelines) (?:were|was|have|are|did) (?:you|they|been)\b"),
        rule("prompt_extraction", 0.9, r"\b(?:text|words|sentence|message|prompt|lines?) (?:that (?:is|was|are|were|comes?|came|appears?) )?(?:right |directly |immediately )?(?:above|before) (?:this|my) (?:message|prompt|line|sentence|text|one)\b"),
        rule("prompt_extraction", 0.9, r"\b(?:repeat|print|outputs?|display|format|convert|summari[sz]e|explain|rephrase|return|translate|recite|list|describe|encode|rewrite|turn|reword|restate|copy|show)\b(?: (?:me|all|of|the|your|my|out|any|these|those|its|back)){0,4} (?:above|previous|prior|initial|preceding|earlier|original) (?:\w+ )?(?:instructions?|rules|prompts?|words|text|directives|guidelines)\b"),
        rule("prompt_extraction", 0.9, r"\b(?:convert|translate|turn|format|rephrase|rewrite|explain|encode|reword|restate) (?:all )?(?:of )?your (?:\w+ )?(?:instructions?|rules|prompt|ruleset|directives|guidelines)\b|\b(?:convert|translate|format|turn) the (?:instructions|rules) (?:above|below)?\b"),
        rule("prompt_extraction", 0.9, r"\b(?:the |any |what )?(?:instructions?|rules|text|prompt|orders|directives) (?:that )?(?:you|u) (?:were|have been|was|are|'ve been|had been) (?:initially |first |originally )?(?:given|told|provided|informed|programmed|instructed|supplied)\b|\bwhat (?:were|was|are|have) you (?:been )?(?:told|instructed|programmed)\b"),
        rule("prompt_extraction", 0.9, r"\b(?:my (?:\w+ )?(?:instructions|rules|prompt) (?:are|is|say)|i was instructed to|the system prompt is) ?:? ?[\"'”]|\bsystem[_ ]?prompt ?\)|\brepeat (?:this|the|our) (?:entire|whole|full) (?:conversation|prompt|context)\b|\byour (?:initiali[sz]ation|system) (?:string|configuration|message|text)\b"),
        rule("prompt_extraction", 0.95, rf"\b{_HIDDEN_TEXT} (?:verbatim|word for word|in full|as is)\b"),
    ]  # fmt: skip


def _marker_rules() -> list[Rule]:
    return [
        rule("forged_role", 0.95, r"<\|?(?:im_start|im_end|system|assistant|endoftext|start_header_id|eot_id)\|?>|\[/?inst\]|<</?sys>>"),
        rule("forged_role", 0.9, r"(?<!\S)(?:#{1,4} ?|\[|<|\*\*)(?:system|admin|administrator|developer|root)(?: ?(?:message|prompt|instructions?|override|note|command|mode))?(?:\]|>|\*\*| ?:)"),
        rule("forged_role", 0.9, r"(?:\A|\n) ?(?:system|developer|admin)(?: message| prompt| override)? ?: ?\w"),
        rule("forged_role", 0.9, r"\bend (?:of )?(?:the )?(?:user|untrusted|system|out[- ]of[- ]date|distractor|prompt|sample|developer)(?: \w+){0,2} (?:input|ambiguity|instructions?|prompt|data|message|draft|text|rules)\b"),
        rule("encoded_order", 0.9, r"\b(?:decode|decrypt|decipher|unscramble|translate) (?:[^.\n]{0,50}?)\b(?:and|then) (?:follow|execute|obey|do|perform|run|carry out|comply|act on)\b"),
    ]  # fmt: skip


def _is_mentioned(match: re.Match[str]) -> bool:
    return _MENTION.search(match.string[max(0, match.start("span") - 40) : match.start("span")]) is not None
