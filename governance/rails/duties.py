"""The rail for advice that has duties: medical, financial and legal advice, asked for or given, and emergencies.

A category that starts with `personal_` is about the asker's own case, in which a wrong answer costs most. A phrase is an
ask and what it is about, in one sentence. It knows English phrases, not meanings; `benchmarks.duties` says how much it
misses. Whether advice is right, it does not judge.
"""

# ruff: noqa: E501 - a pattern is read as one line

import re

from governance.rails.pattern_rail import WINDOW, rule
from governance.rails.word_rail import WordRail

_GAP = r"[^.!?\n]{0,36}?"
_OWN = r"(?:i|we|my (?:\w+ )?\w+|our (?:\w+ )?\w+)"
_MAY = r"(?:should|shall|can|could|may|must|would|ought|do|does|did|am|is it (?:ok|okay|safe|fine|wise|smart|good|better|legal|illegal|lawful) for)"
_RELATIVE = r"(?:wife|husband|partner|mother|mum|mom|father|dad|son|daughter|child|kids?|baby|toddler|sister|brother|friend|grand(?:mother|father|ma|pa)|colleague|co-?worker|parents?|boyfriend|girlfriend)"

_DRUG = r"(?:ibuprofen|paracetamol|acetaminophen|tylenol|aspirin|antibiotics?|antihistamines?|antidepressants?|insulin|metformin|warfarin|statins?|sertraline|citalopram|amoxicillin|penicillin|prednisone|cortisone|morphine|opioids?|blood thinners?|beta blockers?|painkillers?|sleeping pills?|melatonin|magnesium|vitamin [a-z][0-9]{0,2}|thyroid tablets|inhaler|vaccines?|chemo(?:therapy)?|(?<!repeat )(?:cold |cough )?(?:medicine|medication)s?)"
_ILL = r"(?:head ?aches?|migraines?|rash|fever|cough(?:s|ing)?|nause(?:a|ous)|vomit(?:s|ing)?|dizz(?:y|iness)|diarrh\w+|diabetes|gout|measles|the flu|infections?|cancer|tumou?rs?|mole|lump|asthma|allerg(?:y|ies|ic)|anxiety|depression|depressed|cholesterol|(?:high |low )?blood pressure|heart condition|bronchitis|shingles|stroke|seizures?|sprain(?:ed)?|arthritis|insomnia|(?:back|chest|stomach|knee|joint|neck|tooth)(?: ?aches?| pain)|swollen|sore throat|burn|wound|pregnan(?:t|cy)|tooth extraction|hypertension|adhd|pneumonia)"
_DISEASE = rf"(?:{_ILL}|an(?:a)?emia|appendicitis|covid(?:-19)?|(?:hypo|hyper)?thyroid\w*|aneurysm|menopause|(?:lung|heart|liver|kidney) disease|hiv|concussion|fracture|sepsis|ulcer|epilepsy|dementia|anemic)"
_FEELS = r"(?:pain(?:ful)?|tired lately|fatigue|bloated|lost (?:a lot of |much )?weight|short(?:ness)? of breath|(?:night )?sweats|high temperature|blood sugar|palpitations|constipat\w+|hurting|fainted|numb(?:ness)?|x-ray|vaccinated)"
_BODY = r"(?:head|neck|back|chest|stomach|knee|arm|leg|foot|ankle|wrist|shoulder|ear|eye|tooth|throat|hip|elbow|skin)"
_MEDICAL = (
    (
        "medical_advice",
        rf"(?:dos(?:e|age|es)|side effects?|how (?:much|many)|safe|can|may|should|take|takes|taking|mix|interact\w*|suitable|best|maximum|daily amount|which|drink|given|avoid)\b{_GAP}\b{_DRUG}(?! refill)",
    ),
    (
        "medical_advice",
        rf"{_DRUG}\b{_GAP}\b(?:safe|with (?:alcohol|wine|beer|food|other|my|grapefruit|aspirin|ibuprofen)|together|suitable|interact\w*|dos(?:e|age)|mix|for (?:children|adults|pain))",
    ),
    ("medical_advice", rf"how (?:do|does|to|can|is|are|should)\b{_GAP}\b(?:treat(?:ed)?|cured?|heal(?:ed)?)"),
    (
        "medical_advice",
        rf"(?:helps?|works?|do(?:ne)?|good|given|take|used|remed(?:y|ies)|treatments?|medications?) (?:against|about|for)\b{_GAP}\b{_ILL}",
    ),
    ("medical_advice", rf"(?:symptoms|signs|causes?|treatment) of (?:an? )?(?:\w+ )?{_ILL}"),
    (
        "medical_advice",
        r"\b(?:which|what) (?:antibiotics?|painkillers?|medicines?|medications?|drugs?) (?:(?:is|are)(?! (?:used|named|stored|kept))|helps?|works?|should|can|do)",
    ),
    ("medical_advice", rf"(?:rash|mole|infection)\b{_GAP}\blook like"),
    ("medical_advice", rf"how long\b{_GAP}\b{_ILL}"),
    (
        "medical_advice",
        r"(?:take|swallow|give|use|inject|dose of) (?:an? |one |two |three |up to )?(?:[0-9.,]+ ?)?(?:tablets?|capsules?|pills?|drops|mg|ml|milligrams|puffs)\b",
    ),
    (
        "medical_advice",
        r"\b(?:[0-9]+ ?|milli)(?:mg|grams?)\b[^.!?\n]{0,12}?\b(?:up to|times? (?:a|per) day|daily|twice|of (?:melatonin|ibuprofen|paracetamol))",
    ),
    ("medical_advice", r"(?:do not|don't|never) take\b[^.!?\n]{0,16}?\b(?:medicine|medication|tablets?|drug)"),
    ("medical_advice", rf"patients (?:should|must|can|may)\b{_GAP}\b(?:avoid|take|stop|{_DRUG})"),
    ("medical_advice", r"(?:put|place|apply) (?:some )?(?:ice|heat|a cold pack|a bandage) (?:on|to)"),
    (
        "personal_medical",
        rf"(?:{_MAY}) {_OWN}\b{_GAP}\b(?:{_DRUG}|stop taking|surgery|pills?|tablets|dose|see a doctor|{_ILL})",
    ),
    (
        "personal_medical",
        rf"is it (?:ok|okay|safe|fine|dangerous) (?:for (?:me|my {_RELATIVE}) )?to (?:skip|take|stop|mix)\b{_GAP}\b{_DRUG}",
    ),
    (
        "personal_medical",
        rf"\b(?:i(?:'m| am| have|'ve| had|'ve had| have had| feel| got|'ve got)|(?:my|our) {_RELATIVE} (?:has|had|keeps|is|was|feels)) (?:\w+ ){{0,4}}?(?:{_ILL}|(?:diagnosed|prescribed)\b|on {_DRUG})",
    ),
    (
        "personal_medical",
        rf"\b(?:my|our) (?:left |right |lower |upper )?{_BODY}s? (?:\w+ ){{0,3}}?(?:hurts?|aches?|aching|sore|swollen|itch(?:es|y)|burns|tight(?:ness)?)",
    ),
    (
        "personal_medical",
        r"\bmy (?:blood )?(?:test results?|tests? (?:came|show)|cholesterol|blood pressure|symptoms|diagnosis|prescription|dose of|chest tightness|pill)\b",
    ),
    (
        "personal_medical",
        rf"\b(?:this|the|that|my) (?:mole|lump|rash|bump|cough|wound)\b{_GAP}\b(?:dangerous|cancer|serious|infected|normal)",
    ),
    ("personal_medical", rf"(?:dosage|dose|much)\b{_GAP}\b(?:my|our) (?:[0-9]+ year old|{_RELATIVE})"),
    ("personal_medical", rf"\bmy {_RELATIVE}\b{_GAP}\b(?:{_ILL}|surgery|{_DRUG})"),
    (
        "personal_medical",
        rf"\b(?:do|could|can|might|am|is|are) (?:i|it|this|that|he|she|they)\b[^.!?\n]{{0,24}}?\b{_DISEASE}",
    ),
    ("personal_medical", rf"\b(?:i|i['’]?(?:ve|m)|my(?: {_RELATIVE}| {_BODY})?)\b[^.!?\n]{{0,30}}?\b{_FEELS}\b"),
    ("medical_advice", rf"\bcur(?:e|ed|es|ing)\b{_GAP}\b(?:{_DISEASE}|illness(?:es)?|mental health|disorders?)"),
    ("personal_medical", rf"\byou (?:probably |may |might |likely )?(?:have|suffer from) (?:an? )?(?:\w+ )?{_ILL}"),
)
_THING = (
    r"(?:machines?|printers?|engine|motor|car|van|truck|bike|boat|tractor|mower|chainsaw|laptop|computer|pc|mac|phone|tablet|watch|screen|"
    r"display|monitor|server|router|modem|network|internet|wi-?fi|browser|app|website|site|software|program|script|code|build|pipeline|"
    r"query|database|system|device|drive|disk|battery|camera|tv|speakers?|console|alarm|clock|saw|laser|cutter|drill|lathe|pump|fan|filter|"
    r"generator|compressor|boiler|heater|heating|furnace|oven|stove|fridge|freezer|dryer|washer|vacuum|sink|drain|toilet|garden|lawn|"
    r"plants?|business|company|budget|economy|market|project|team|voice)"
)
_SOMEONE = rf"(?:\b(?:i|he|she|they)|\b(?:my|our|his|her) (?!(?:[\w-]+ ){{0,2}}{_THING}\b)(?:\w+ )?\w+(?:'s)?|\b(?:someone|somebody|a (?:man|woman|child|guest|customer|visitor)|the (?:patient|man|woman)|{_RELATIVE})(?: (?:here|next to me|at my table|in front of me))?)"
_NOT = r"(?:is ?n[o']t|not|can(?:'t|not| not)|stopped|struggling to|unable to|has no|doesn'?t)"
_EMERGENCY = (
    rf"{_SOMEONE}(?: is|'s| are| am|'m| has)? (?:\w+ )?{_NOT} (?:\w+ )?breath(?:e|ing)",
    rf"{_SOMEONE} (?:is|'s|just|was|has|lies|fell|am) (?:\w+ )?(?:unconscious|collapsed|choking)",
    rf"{_SOMEONE} (?:just )?collapsed",
    rf"{_SOMEONE} (?:is |just |'s |are )?chok(?:es|ing|ed)\b(?! on dust)",
    rf"(?:i|{_SOMEONE})(?:'m| am|'s| is| just had| has| had| have)? (?:\w+ )?(?:having )?(?:a|an) (?:heart attack|stroke|seizure|severe allergic reaction|allergic reaction)(?! (?:last|in|ago|years?))",
    rf"{_SOMEONE} (?:has|have|had|got|feels?) (?:\w+ ){{0,2}}?(?:chest pain|no pulse)",
    r"\bpain in (?:my|his|her) chest",
    r"\b(?:lips|face) (?:is|are) (?:turning blue|drooping)",
    r"\b(?:throat|tongue|lips|face) (?:is|are) swelling",
    rf"{_SOMEONE} (?:just )?(?:took|taken|swallowed|drank|ate)\b[^.!?\n]{{0,20}}?\b(?:overdose|bottle of|too many|bleach|poison|battery|detergent|antifreeze|all (?:my|his|her) pills)",
    rf"{_SOMEONE} (?:is|'s|am|'m|are) bleeding\b[^.!?\n]{{0,24}}?\b(?:heavily|badly|won'?t stop|a lot)",
    r"\b(?:blood|bleeding) (?:won'?t|does ?n[o']t|will not) stop",
    rf"{_SOMEONE} (?:\w+ ){{0,6}}?(?:is ?n[o']t (?:waking up|responding|conscious)|won'?t wake up)",
    rf"{_SOMEONE} (?:just )?(?:got|had|has|was) (?:an )?(?:electric shock|electrocuted|struck by lightning)",
    r"\bno pulse\b",
)

_ASSET = r"(?:stocks?(?! of| ?pile)|shares(?! of (?:sales|the))|etfs?|(?:index|mutual|hedge) ?funds?|funds?|crypto\w*|bitcoins?|ethereum|gold|silver|bonds?|securities|real estate|options trading)"
_OWN_MONEY = r"(?:invest(?:ing|ment)?\w*|mortgage|pension|shares|stocks|bonds|401 ?\(?k\)?|bitcoin|crypto\w*|etfs?|savings|retire(?:ment)?|refinanc\w*|bankruptcy|life insurance|loan|index funds?|(?:best|which|cash back) credit card|inheritance|debts?|buy (?:nvidia|tesla|apple|gold))"
_MONEY = (
    (
        "financial_advice",
        rf"\b(?:best|which|what|good|worth|will|time to|buy(?:ing)?|sell(?:ing)?|hold|recommend\w*|advise|safe|should|better|put(?:ting)?)\b{_GAP}\b(?:{_ASSET})\b(?! of spare)(?:{_GAP}\b(?:buy(?:ing)?|sell(?:ing)?|invest\w*|good|safe|best|return\w*|recommend|year|years|now|shares|stocks|bonds|up|risk\w*|worth|moment))",
    ),
    (
        "financial_advice",
        rf"\b(?:buy(?:ing)?|sell(?:ing)?|hold(?:ing)?|diversify into|(?:percent|%) of the money into)\b{_GAP}\b(?:stocks(?! of)|shares|etfs?|index funds?|crypto\w*|bitcoins?|gold\b|bonds|(?:\w+ )?markets funds)",
    ),
    (
        "financial_advice",
        rf"\b(?:how|where|what|should|is|are|best|good|safe|smart|wise|way|start(?:ed)?)\b{_GAP}\binvest(?:ing|ments?|ors?)?\b(?! (?:in (?:our|the) (?:people|company|team)))",
    ),
    (
        "financial_advice",
        rf"\b(?:which|what) (?:etf|fund|stock|share|crypto\w*|bond|portfolio)s?\b{_GAP}\b(?:recommend|best|buy|suits?|should|worth|good)",
    ),
    (
        "financial_advice",
        rf"\bwill\b{_GAP}\b(?:bitcoin|stocks?|shares?|markets?|gold|prices?|rates?)\b{_GAP}\b(?:go up|rise|fall|go down|crash|recover)",
    ),
    ("financial_advice", rf"\b(?:reduce|avoid|lower|minimi[sz]e|save on)\b{_GAP}\btax(?:es)?\b"),
    ("financial_advice", rf"\b(?:best|better|cheapest|which|fixed[- ]rate)\b{_GAP}\bmortgage"),
    ("financial_advice", r"\b(?:retirement|investment|cautious|balanced) portfolio|portfolio suits\b"),
    ("financial_advice", r"\b(?:guaranteed|high(?:er)?|best) returns?\b"),
    ("personal_financial", rf"\b{_MAY} (?:you think )?(?:{_OWN}|you put my)\b{_GAP}\b{_OWN_MONEY}"),
    ("personal_financial", r"\bshould i\b[^.!?\n]{0,24}?\b(?:(?:all )?my money|invest\w*|loan|stocks?|bonds)\b"),
    ("financial_advice", r"\b(?:invest(?:ing|ed)?|buying) (?:in )?(?:\w+ )?stocks?\b(?! (?:of|photos?|images?))"),
    (
        "personal_financial",
        rf"\bis it (?:wise|smart|a good idea|better|sensible)\b{_GAP}\b(?:my|our|for me|for us|borrow|pension|savings)\b",
    ),
    (
        "personal_financial",
        r"\b(?:my|our) (?:portfolio|savings|inheritance|stocks|shares|debts?|investments?|retirement money|401 ?\(?k\)?)\b",
    ),
    ("personal_financial", r"\bi(?:'m| am| have|'ve)? (?:in debt|owe|inherited|want to retire)\b"),
    (
        "personal_financial",
        rf"\bi have [$€£]?[0-9][0-9,.k]*(?: (?:dollars|euros|pounds|usd|eur|gbp))?\b{_GAP}\b(?:where|how|invest|should)",
    ),
    (
        "personal_financial",
        rf"\b(?:which|what) (?:loan|credit card|mortgage|pension|insurance)\b{_GAP}\b(?:should|shall|do) (?:i|we)\b",
    ),
    (
        "personal_financial",
        rf"\bhow much\b{_GAP}\b(?:should (?:i|we)|i have)\b{_GAP}\b(?:save|pension|retirement|invest|borrow)",
    ),
    ("personal_financial", rf"\binvestment\b{_GAP}\bfor (?:me|us)\b"),
    ("personal_financial", r"\bdo i (?:sell|hold|buy)\b"),
)

_SUE = r"(?:sue|sues|suing|sued|lawsuit|court|judge|tribunal|plead|settle(?:ment)?|evict\w*|deport\w*|custody|divorce|liable|compensation|damages|legal action|lawyer|attorney|solicitor|defamation|alimony|child support|bail)"
_LAW = (
    (
        "legal_advice",
        r"\b(?:is|are|was) (?:it|this|that|they|\w+ing) (?:il)?legal\b|\bis it (?:lawful|against the law|a crime)|\billegal to\b|\bagainst the law to\b",
    ),
    (
        "legal_advice",
        r"\blegally (?:binding|obliged|required|enforceable|valid|allowed)|\benforceable\b|\blegal age to\b",
    ),
    (
        "legal_advice",
        r"\b(?:statute of limitations|limitation period|breach of contract|grounds for (?:divorce|dismissal|appeal)|non-?compete|power of attorney)\b",
    ),
    (
        "legal_advice",
        r"\b(?:tenants?'?|tenants'|consumer|legal|employees?'?) rights\b|\brights when\b|\bthe right to (?:a )?(?:refund|remain silent|compensation|appeal)",
    ),
    (
        "legal_advice",
        rf"\b(?:how|can|may|when|who|what|does|is|are)\b{_GAP}\b(?:sue|sued|contest (?:a|the) will|appeal (?:a|the|against)|get custody|gets custody|(?:a|the) will (?:need|be|valid)|without a warrant|verbal contract|oral agreement|custody of)",
    ),
    (
        "legal_advice",
        rf"\b(?:landlord|employer|tenant|police)\b{_GAP}\b(?:raise the rent|without notice|evict|legally|obliged|dismiss|fire|search|warrant|deposit)",
    ),
    (
        "legal_advice",
        rf"\b(?:penalty|punishment|sentence|fine) for\b{_GAP}\b(?:evasion|fraud|theft|speeding|driving|assault|breaking)",
    ),
    ("legal_advice", r"\bwho is (?:liable|responsible|at fault)\b|\bliable (?:when|if|for)\b"),
    (
        "legal_advice",
        rf"\b(?:you|we) (?:should|could|can|must|may|are|have|would)\b{_GAP}\b(?:sue|entitled to|claim damages|plead|strong case|legally|take them to court)",
    ),
    (
        "legal_advice",
        r"\bplead (?:not )?guilty\b|\bstrong case against\b|\bsettlement without\b|\bunder the law you\b|\bsign the settlement\b",
    ),
    (
        "legal_advice",
        r"\b(?:legal (?:action|steps|options|rights|advice|grounds|recourse)|restraining order|divorce papers|(?:infringed?|infringing|using)\b[^.!?\n]{0,24}?\b(?:copyright(?:ed)?|trademark|patent))",
    ),
    ("legal_advice", r"\b(?:write|make|draft|change) (?:a|my|the) will\b|\bdisinherit\w*"),
    (
        "personal_legal",
        r"\b(?:how|can|could|should|may|do) (?:i|we|can i|should i|do i|could i) (?:\w+ )?(?:sue|appeal|take (?:him|her|them|it) to court|claim compensation|defend myself|avoid a conviction|lose my licen[sc]e|fight (?:it|this|the (?:ticket|charge)))",
    ),
    (
        "personal_legal",
        r"\b(?:avoid a conviction|i(?: have|'ve)? (?:been )?(?:accused of|charged with|convicted of|caught driving)|claim compensation|defend myself)\b",
    ),
    (
        "personal_legal",
        rf"\b(?:{_MAY}|how (?:do|can|much)|would) {_OWN}\b{_GAP}\b(?:{_SUE}|have to (?:sign|leave)|my rights|(?:get )?out of my (?:lease|contract)|talk to (?:the )?(?:police|them)|read my private|work for a rival)",
    ),
    (
        "personal_legal",
        rf"\b(?:my|our) (?:landlord|boss|employer|company|ex|neighbou?r|lease|visa|husband|wife|builder|tenant|contract)\b{_GAP}\b(?:evict|fired|won'?t pay|will not pay|sue|suing|deposit|legal|still valid|overtime|cut my pay|take the house|divorce|child support|deport|on my land|expires|without my consent|read my)",
    ),
    (
        "personal_legal",
        r"\bi (?:was|got|am|'m|have been|signed|'ve been) (?:\w+ )?(?:arrested|served|sued|charged with|non-?compete|speeding ticket|fined|evicted|hit by a car)",
    ),
    (
        "personal_legal",
        r"\b(?:deport|suing|sue|evict|charge|arrest|fire|question) me\b(?! (?:for|more|twice|a fee|extra|about|on|to))",
    ),
    ("personal_legal", r"\bwhat are my (?:legal )?rights\b|\bmy (?:legal )?rights\b|\bfor my employer to\b"),
    ("personal_legal", r"\b(?:am i|are we|could i be) (?:\w+ )?(?:liable|entitled|obliged|guilty|responsible)"),
    ("personal_legal", r"\bi\b[^.!?\n]{0,30}?\bhow much compensation"),
    ("personal_legal", r"\b(?:is it|that|is that|that's) (?:il)?legal\b(?=\?)"),
)
_SUPPOSED = re.compile(r"\b(?:if|when|whenever|in case|suppose|imagine|while|until|unless)\b[^.!?\n]{0,60}$")


class DutiesRail(WordRail):
    """The rail `duties`. Its findings in an answer end it with a notice, so a stream need not wait for them."""

    closes = True


def build_duties_rail() -> DutiesRail:
    """Build the rail `duties`."""
    advice = [rule(category, 0.9, pattern, end_of=_in_window) for category, pattern in (*_MEDICAL, *_MONEY, *_LAW)]
    emergencies = [
        rule("medical_emergency", 0.95, pattern, end_of=_in_window, is_mention=_is_supposed) for pattern in _EMERGENCY
    ]
    return DutiesRail("duties", [*advice, *emergencies])


def _in_window(match: re.Match[str]) -> int | None:
    return match.end("span") if match.end("span") - match.start("span") <= WINDOW else None


def _is_supposed(match: re.Match[str]) -> bool:
    """Say whether an emergency is only supposed: what to do when a patient has chest pain."""
    before = match.string[max(0, match.start("span") - WINDOW) : match.start("span")]
    return _SUPPOSED.search(before) is not None
