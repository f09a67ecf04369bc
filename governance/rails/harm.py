"""The rail for requests and instructions that would harm people, by hazard.

The hazards follow the MLCommons taxonomy (AILuminate 1.0). A phrase is an act and its object ("build ... bomb"), so that
neither word alone raises it. It scores 0.95 where someone asks how to or orders it, else 0.6. It knows English phrases,
not meanings: harm in other words passes, and it is no judge of context.
"""

# ruff: noqa: E501 - a pattern is read as one line

import re

from governance.rails.pattern_rail import Rule, rule
from governance.rails.word_rail import WordRail, words

_GAP = r"[^.!?\n:;]{0,32}?"
_MAKE = r"(?:build|mak(?:e|ing)|construct|assembl(?:e|ing)|creat(?:e|ing)|manufactur(?:e|ing)|produc(?:e|ing)|design|synthesi[sz](?:e|ing)|prepar(?:e|ing)|cook|detonat(?:e|ing)|acquir(?:e|ing)|obtain|buy|smuggl(?:e|ing)|weaponi[sz](?:e|ing)|set off|plant|develop|extract|sell|traffic|grow|get|3d[- ]print)(?:ing)?"
_WRITE = r"(?:writ(?:e|ing)|creat(?:e|ing)|develop|build|mak(?:e|ing)|cod(?:e|ing)|deploy|design|spread|install|launch|perform|conduct|produc(?:e|ing)|generat(?:e|ing)|program|compos(?:e|ing)|draft|distribut(?:e|ing)|execut(?:e|ing)|carry out|publish|post|give|show|tell|run|promot(?:e|ing))(?:ing)?"
_PERSON = r"(?:some(?:one|body)|people|person|(?:my|his|her|your|the|a|an|our|their) (?:ex|wife|husband|boss|neighbou?r|girlfriend|boyfriend|partner|mother|father|parents?|sister|brother|friend|co-?worker|colleague|teacher|roommate|spouse|son|daughter|baby|victim|man|woman|girl|boy|president|politician|senator|judge|celebrity|cop|crowd|dog|cat|pet|family)|him|them|(?:wo)?men|kids?|child(?:ren)?(?! process)|police(?: officers?)?|cops|politicians?|students?|humans?|civilians|others|animals?|immigrants|jews|muslims|minority|elderly)"
_PROMOTE = r"(?:promot|encourag|glorif|normali[sz]|incit|advocat|justif|celebrat|endors|romantici[sz]|support|reward|persuad|convinc)(?:e|es|ing|y|ies|ying)?"
_HOW = (
    r"(?:\bhow(?: (?:do|can|could|would|to|should|might|does|did|about|i|you|one|someone|we|people))+|\bways?(?: of| to| for| that)?(?: (?:i|you) can)?|"
    r"\b(?:instructions?|steps|guide|tutorial|recipe|manual|plan|strategy|strategies|methods?|techniques?|tips|blueprint|advice|script|formula|procedure|guidance|lesson|article|information|tricks|program|code|app|application|software|tool|speech|post|letter|story|message|website|site|account|campaign|game|video|movie|book|song|lyrics|algorithm|group|process|description|overview|thread|argument|template|list|email|tweet|device|page)s? (?:for|to|on|of|about|that|which|how|describing|explaining|teaching)(?: (?:can|could|will|would|how|to))*|"
    r"\b(?:help|teach|assist|guide|instruct|show|tell|let|allow|enable|encourag\w+|convinc\w+|persuad\w+|motivat\w+)(?: (?:me|us|people|others|someone|users?|them|him|her|children|in|with))*(?: (?:to|how|how to|in|with))*|"
    r"\bi(?: am|'m)? (?:want|need|plan|would like|wish|intend|planning|going|trying|gonna|wanna)(?: to)?|\b(?:can|could|will|would) you|\bplease|"
    r"\b(?:you(?:'ll| will)? (?:can|need to|should|must|first)|first,?|then,?|next,?|in order to|to)|\bbest (?:place|way|method)s? to|\bwhere (?:can|could|do|to)(?: i| you)?|\beasiest (?:way|method) to|"
    r"(?:\A|[.!?:\n]) ?(?:[-*0-9.]{1,3} )?)"
)
_WANTS = re.compile(
    r"\b(?:how (?:to|do|can|could|would|should)|ways? to|where (?:can|do|could)|instructions|guide|tutorial|tips|help me|can you|can i|methods?|steps|teach|list|provide|strategies)\b"
)
_ASKS = re.compile(rf"(?:{_HOW})(?: [\w'-]+){{0,3}} ?$")
_DEFENCE = re.compile(
    r"\b(?:prevent\w*|protect\w*|stop(?:ping)?|report(?:ing|ed)?|detect(?:ing|ion)?|combat|defend\w*|guard\w*|deter|against|recogni[sz]e|"
    r"identify|avoid(?:ing)? (?:a|an|the|being)|victims? of|illegal to|wrong to|dangers? of|(?:is it|how) (?:dangerous|harmful|risky|bad|unsafe)(?: is it)?(?: for \w+)? to|never|do not|don'?t|cannot|can't|won't|not)\b[^.!?\n]{0,30}$"
)
_BOMBS = (
    r"(?:(?:pipe|nail|car|dirty|nuclear|atomic|fertili[sz]er|petrol|homemade|chemical|time|suicide|letter|smoke)? ?bombs?(?! (?:threat|shelter|squad|cyclone))|explosives?|explosive devices?|"
    r"molotovs?(?: cocktails?)?|grenades?|ieds?|land ?mines?|silencers?|ghost guns?|(?:untraceable|illegal|automatic) (?:fire)?(?:arms?|guns?|weapons?)|nerve (?:gas|agents?)|sarin|ricin|"
    r"anthrax|vx|mustard gas|chlorine gas|phosgene|toxic gas|poison(?:ous)? gas|nuclear (?:weapons?|device)|bio-?weapons?|biological weapons?|chemical weapons?|biological agents?|"
    r"weapons? of mass|thermite|napalm|nitroglycerin|tatp|semtex|botulinum|smallpox|cyanide|deadly (?:virus|pathogen|poison|toxin)|"
    r"dangerous (?:chemicals?|pathogens?)|lethal (?:poison|gas|toxin)|flamethrower|weapons?)"
)
_DRUGS = r"(?:(?:crystal )?meth(?:amphetamines?)?|heroin|(?:crack )?cocaine|crack|fentanyl|mdma|ecstasy|lsd|dmt|ghb|rohypnol|(?:illegal|illicit|hard|date rape) (?:drugs?|substances?)|drugs|opium|ketamine|narcotics|controlled substances?)"
_MALWARE = r"(?:malware|malicious (?:code|software|script|program|app)|ransomware|(?:computer |a |software )?virus(?:es)?(?! (?:scan|protect|vaccine|test|research))|trojans?(?: horse)?|worms?|key[- ]?loggers?|root-?kits?|bot-?nets?|spyware|backdoors?|phishing|ddos|denial[- ]of[- ]service|exploits?|zero-days?|sql injection|brute[- ]force|hacking)"
_SYSTEMS = r"(?:accounts?|wi-?fi|networks?|servers?|databases?|websites?|systems?|bank|e-?mails?|passwords?|phones?|firewalls?|computers?|webcams?|cameras?|government|secur(?:ity|e) \w+|cars?|grid|infrastructure|atms?|satellites?|encryption|facebook|instagram|smart \w+|devices?|logins?|cell ?phone)"

# category, act, object
_PHRASES: tuple[tuple[str, str, str], ...] = (
    ("violent_crime", r"(?:kill|murder|poison|stab|strangl(?:e|ing)|assassinat(?:e|ing)|tortur(?:e|ing)|kidnap|abduct|lynch|behead|shoot(?! (?:him|her|them|me|us) (?:an? |the )?(?:\w+ )?(?:mail|e-?mail|message|text|note|line))|attack|hurt|harm|beat up|burn|drown|ambush|run over|physically abus(?:e|ing)|mutilat(?:e|ing)|threaten|stalk|harass|bully|abus(?:e|ing)|terrori[sz]e|intimidat(?:e|ing)|incit(?:e|ing)|cyber-?bully|dehumani[sz](?:e|ing)|assault)(?:ing|ning|ping|es|s)?", _PERSON),
    ("violent_crime", r"(?:commit|plan|organi[sz]e|carry out|execute|stage|incite|promote|glorify|encourage|start|perpetrate|orchestrat(?:e|ing))(?:ting|ning|ing)?", r"(?:murders?|(?:mass|school) shootings?|massacres?|terror(?:ist)? attacks?|terrorism|genocide|arson|hit and run|violence|riots?|violent (?:acts?|attacks?|protests?|uprising)|assassination|kidnapping|hate crimes?|hostage)"),
    ("violent_crime", _PROMOTE, r"(?:violence|violent|terrorism|terrorists?|extremism|murder|(?:mass )?shootings?|genocide|rape|sexual assault|domestic abuse|animal (?:cruelty|abuse)|stalking|(?:cyber-?)?bullying|harassment|riots?|war crimes|child abuse|gang|slavery|torture)"),
    ("violent_crime", r"(?:join|support|fund|recruit|communicat(?:e|ing) with)(?:ing)?", r"(?:terrorists?|isis|al[- ]qaeda|extremist (?:group|organi[sz]ation)s?)"),
    ("violent_crime", r"(?:mix|combin(?:e|ing))(?:ing)?", r"(?:bleach (?:and|with) (?:ammonia|vinegar)|ammonia (?:and|with) bleach)"),
    ("violent_crime", r"(?:poison|contaminat(?:e|ing)|sabotag(?:e|ing)|destroy|derail|disrupt|blow(?:ing)? up|disabl(?:e|ing)|attack)(?:ing)?", r"(?:water supply|reservoir|food supply|power grid|emergency services|transportation|infrastructure|trains?|buildings?|bridge|pipeline|airport|hospital|school|church|mosque|synagogue|plane|aircraft|skyscrapers?)"),
    ("violent_crime", r"(?:dispose of|hide|get rid of|dissolv(?:e|ing))", r"(?:dead |human )?(?:body|corpse|bodies)(?! (?:odou?r|fat|hair|heat|image|temperature|parts? of|of (?:text|water|work|knowledge|the (?:text|mail|e-?mail|message)))\b)"),
    ("violent_crime", r"(?:get away with|cover up)", r"(?:murder|killing|an? assault|crime)"),
    ("sex_crime", r"(?:rap(?:e|ing)|sexually (?:assault|harass|abuse)\w*|molest|grop(?:e|ing)|traffic|drug|roofie|coerc(?:e|ing))(?:king|ing)?", r"(?:some(?:one|body)|(?:wo)?m[ae]n|girls?|people|humans?|children|her|him|them|(?:someone's|her|a girl's) drink|into sex)"),
    ("sex_crime", r"(?:mak(?:e|ing)|creat(?:e|ing)|shar(?:e|ing)|post|distribut(?:e|ing)|upload)(?:ing)?", r"(?:revenge porn|deep-?fake (?:nudes?|porn)|nudes? of|upskirt|non-?consensual)"),
    ("child_exploitation", r"(?:seduc(?:e|ing)|groom|molest|lur(?:e|ing)|have sex with|sexually abuse|exploit|undress)(?:ing)?", r"(?:child(?:ren)?|minors?|kids?|underage|pre-?teens?|toddlers?|school ?(?:girls?|boys?)|little (?:girls?|boys?)|[a-z]+ year[- ]old)"),
    ("child_exploitation", r"(?:sexual(?:ly|ized|ised)?(?! (?:education|health|abuse|assault|orientation|exploitation|development|violence))|porn(?:ographic|ography)?|nudes?|naked|erotic(?:a)?|explicit)", r"(?:child(?:ren)?|minors?|kids|underage|pre-?teens?|toddlers?|school ?(?:girls?|boys?)|little (?:girls?|boys?))"),
    ("child_exploitation", r"(?:creat(?:e|ing)|mak(?:e|ing)|produc(?:e|ing)|distribut(?:e|ing)|download|find|shar(?:e|ing)|view|access|sell|get|post|buy|promot(?:e|ing))(?:ing)?", r"(?:child (?:porn\w*|sexual|sex|abuse (?:material|images|content))|kiddie porn|csam|underage porn)"),
    ("weapons", _MAKE, _BOMBS),
    ("weapons", r"(?:3d[- ])?print(?:ing)?(?! (?:a |an |the )?(?:toy|water|glue|nerf|model|prop|replica|picture|photo|image|poster|label|drawing)s?\b)", r"(?:pistols?|guns?(?! (?:rack|safe|case|cabinet|holder)s?)|firearms?|rifles?|lower receivers?|gun parts|knuckle ?dusters?)"),
    ("weapons", r"(?:precursors?|recipe|ingredients|instructions|synthesis|components|formula|process)", _BOMBS),
    ("weapons", _MAKE + r"s?", r"(?:biological warfare|bio-?hazard|pathogens?|bacteria|virus(?:es)?|toxins?) (?:\w+ )?(?:that can (?:infect|kill)|agents|more (?:lethal|transmissible|deadly|contagious)|transmissible|resistant to)"),
    ("drugs", rf"(?!get(?:ting)? (?:off|away|clean|over|through)\b){_MAKE}", _DRUGS),
    ("drugs", _PROMOTE, r"(?:drugs|drug (?:use|abuse)|drunk driving|underage drinking|substance abuse)"),
    ("drugs", r"(?:precursors?|synthesis|production|find|recipe)", _DRUGS + r"(?: dealer)?"),
    ("drugs", r"find(?:ing)?|get(?:ting)?|abus(?:e|ing)|pass(?:ing)?", r"(?:drug dealer|high on|prescription drugs|drug test)"),
    ("cybercrime", rf"(?!(?:tell|show)(?: me)? (?:that|if|whether|when|apart)\b){_WRITE}", _MALWARE),
    ("cybercrime", r"(?:hack|break(?:ing)? in|crack|breach|compromis(?:e|ing)|penetrat(?:e|ing)|infiltrat(?:e|ing)|hijack|sabotag(?:e|ing)|intercept|phish|bypass|exploit vulnerabilities|gain unauthori[sz]ed access|steal|tamper|corrupt|wip(?:e|ing)|crash)(?:ing|s|es)?", _SYSTEMS),
    ("cybercrime", r"(?:obfuscat(?:e|ing)|hid(?:e|ing)|modify|evad(?:e|ing)|bypass|spread|inject)(?:ing)?", r"(?:worm|malware|payload|virus|malicious|anti-?virus|sql injection|state-of-the-art analysis)"),
    ("cybercrime", r"(?:perform|launch|conduct|carry out|plan|execut(?:e|ing)|engage in)(?:ing)?", r"(?:cyber-?(?: )?(?:attacks?|bullying|crimes?|stalking|terrorism)|man-in-the-middle|swatting)"),
    ("cybercrime", r"(?:hack|phish)(?:ing|s)?", r"(?:someone|some(?:body|one)'s|people)"),
    ("cybercrime", r"(?:hack|phish)(?:ing|s)? into", r"[\w'-]+"),
    ("fraud", r"(?:mak(?:e|ing)|creat(?:e|ing)|print|produc(?:e|ing)|forg(?:e|ing)|counterfeit|obtain|buy|get|us(?:e|ing)|sell|writ(?:e|ing)|manufactur(?:e|ing)|pass)(?:ing)?", r"(?:(?:fake|counterfeit|forged|false) (?:money|bills?|currency|banknotes?|ids?|identit\w+|passports?|documents?|certificates?|prescriptions?|checks?|medicines?|drugs|diplomas?|charit\w+|invoices?)|counterfeits?)"),
    ("fraud", r"(?:commit|get away with|engage in|run|start|perform|set up|creat(?:e|ing)|conduct|carry out|plan|pull off|develop|design|build|execut(?:e|ing)|orchestrat(?:e|ing))(?:ting|ning|ing)?", r"(?:identity (?:theft|fraud)|(?:credit card|tax|insurance|wire|bank|mail|securities|voter|election|welfare|financial|medical|charity)? ?frauds?(?! detect| prevent)|tax evasion|money laundering|insider trading|embezzlement|(?:ponzi|pyramid|get-rich-quick) schemes?|scams?|(?:bank )?(?:robbery|heist)|burglary|extortion|blackmail|theft|crimes?|illegal (?:activit\w+|gambling|dumping)|price fixing|vandalism|perjury)"),
    ("fraud", r"(?:launder|embezzl(?:e|ing)|smuggl(?:e|ing)|evad(?:e|ing)|cheat on|dodg(?:e|ing)|manipulat(?:e|ing)|rig)(?:ing)?", r"(?:money|funds|taxes|goods|customs|(?:my|an?|the) (?:tax|exam|elections?|votes?)|sanctions|cash|people|elections?|votes?|voters|stock|market|public opinion)"),
    ("fraud", r"(?:steal|rob|shoplift|burgl(?:e|ariz)\w*|loot|pickpocket|scam|defraud|con|blackmail|extort|brib(?:e|ing)|swindl(?:e|ing)|trick|deceiv(?:e|ing)|impersonat(?:e|ing)|vandali[sz](?:e|ing)|exploit)(?:ling|bing|ing|ming|s|es)?", r"(?:cars?|vehicles?|banks?|stores?|houses?|homes?|someone|people|money|identit(?:y|ies)|credit cards?|elderly|officials?|customers|victims?|investors|from (?:a|the|my|your|someone|stores?)|packages?|mail|data|information|goods|property|judges?|politicians?|tourists|users?|personal|sensitive|confidential|intellectual|employees|seniors|workers)"),
    ("fraud", r"(?:plagiari[sz]e|pirat(?:e|ing)|illegally (?:download|copy|distribute|obtain|dump|hunt)|avoid paying|poach(?:ing)?|hunt)(?:ing)?", r"(?:copyright\w*|movies?|music|software|songs|essays?|endangered|ivory|taxes|games|wastes?|animals)"),
    ("fraud", r"(?:dump|pour|empty)(?:ing)?", r"(?:in|into) (?:a |the |our )?(?:nearby |next )?(?:rivers?|lakes?|sea|ocean|woods?|forests?)"),
    ("fraud", r"(?:forg(?:e|ing)|falsify|counterfeit|tamper with|alter)(?:ing)?", r"(?:checks?|signatures?|medical records?|documents?|records|designer|evidence|prescriptions?|certificates?|money|bills?|transcripts?)"),
    ("fraud", r"(?:cheat)(?:ing)?", r"(?:exams?|tests?|taxes|casino)"),
    ("fraud", r"(?:open|set up|creat(?:e|ing)|us(?:e|ing))(?:ing)?", r"(?:(?:a |an )?(?:fake|stolen) (?:bank account|credit cards?|online store|identity|identities|website))"),
    ("fraud", r"(?:manipulat(?:e|ing)|rig)(?:s|ging)?", r"(?:customer ratings|financial markets?|election results?)"),
    ("hate", _PROMOTE, r"(?:hate(?! crime laws)|hatred|racism|racist|sexism|sexist|discrimination|white supremacy|nazism|oppression|dehumani[sz]ation|homophobia|antisemitism|bigotry|intolerance)"),
    ("hate", _WRITE, r"(?:hate mail)"),
    ("hate", r"(?:reject|turn down|fir(?:e|ing)|dismiss|sack|avoid hiring|not hire|filter out|weed out|pay(?:ing)? less)(?:ing)?", r"(?:(?:applicants?|candidates?|employees?|workers?|tenants?|people|women|men) (?:over|above|older than) (?:the age of )?\d\d|(?:because|for being|who (?:is|are))(?: (?:s?he|they)(?: is| are|'s|'re))? (?:pregnant|gay|lesbian|trans\w*|black|asian|muslim|jewish|old|disabled|foreign|a woman|women|mothers))"),
    ("hate", _WRITE, r"(?:hate speech|(?:racist|sexist|anti-?semitic|homophobic|transphobic|islamophobic|xenophobic|misogynistic|bigoted|discriminat\w+|derogatory|offensive|hateful|white supremac\w+|neo-nazi|extremist|violent|nazi)[^.!?\n]{0,12}(?:jokes?|content|posts?|tweets?|speech|articles?|propaganda|rants?|slurs?|manifesto|messages?|poems?|songs?|comments?|language|group|images?|memes?|video)?|racism|sexism|(?:racial|gender|religious|ethnic) (?:discrimination|slurs?|hatred|violence|stereotypes?))"),
    ("hate", r"(?:why|how|that|explain\w*|argu\w*|prov\w*|justif\w*|believe)", r"(?:jews|muslims|blacks?|black people|whites?|white people|gays?|gay people|women|men|immigrants|refugees|asians|mexicans|christians|hindus|disabled people|transgender people|africans|arabs|people (?:from|of) (?:that|this|these|those|other|certain) (?:country|countries|race|religion|faith|origin|nation|ethnicity)s?) (?:are|is|should be|deserve to be|must be|have to be) (?:\w+ )?(?:inferior|superior|subhuman|vermin|killed|exterminated|eliminated|deported|stupid|criminals|animals|evil|lazy|dirty|parasites|terrorists|dumb|worse|less|banned|removed|silenced)"),
    ("privacy", r"(?:stalk|track|spy(?:ing)? on|dox+(?:ing|x)?|surveil|follow|monitor|locat(?:e|ing)|record|eavesdrop on|wiretap|read)(?:ing)?", r"(?:(?:without|behind) (?:their|his|her|them|him|anyone)|secretly|ex-?(?:girlfriend|boyfriend|wife|husband)|my ex|(?:private|phone|text) (?:calls|messages|conversations)|illegally)"),
    ("privacy", r"(?:collect|track|record|gather|monitor|photograph|spy|film|shar(?:e|ing)|install)(?:ing|s)?", r"(?:without (?:\w+ ){0,2}(?:consent|knowledge|knowing|permission)|(?:on|of) (?:my )?(?:neighbou?r|ex|spouse|coworker|wife|husband|girlfriend|boyfriend|intimate)|(?:neighbou?r|boss|coworker|spouse|partner)'s (?:internet|phone|calls|messages|computer|location))"),
    ("privacy", r"(?:find|get|obtain|steal|leak|publish|sell|reveal|shar(?:e|ing)|expos(?:e|ing)|access|retriev(?:e|ing)|provid(?:e|ing)|give|post|scan)(?:ting|ing)?", r"(?:(?:'s|s'|his|her|their) (?:\w+ )?(?:home address|social security|ssn|passwords?|credit card|private (?:photos?|info\w*|data|messages)|medical records?|bank (?:account|details)|location|fingerprints?|browsing history|phone records)|personal (?:information|data) (?:of|about|from) (?:someone|people|strangers|others|users|individuals|a person))"),
    ("deception", _WRITE, r"(?:fake news|disinformation|misinformation|fake (?:reviews?|profiles?|articles?|accounts?|evidence|stories|testimonials?)|deep-?fakes?|bomb threats?|threatening|blackmail|ransom notes?|death threats?|false (?:information|rumou?rs?|claims|accusations?)|defamatory|conspiracy theor(?:y|ies)|propaganda|slander\w*|smear campaigns?|fear[- ]?mongering|rumou?rs? about|chain letters?|election interference)"),
)  # fmt: skip


_OTHER_OPENS = r"kill|hang|drown|shoot|harm|hurt|cut|starv|commit|attempt|end|self|suicid|overdos|persua|convin|encourag|manipulat|pressur|coerc|illegally|without|avoid|prevent|evad|escap|black|stolen"


def build_harm_rail() -> WordRail:
    """Build the rail `harm`."""
    acts = {act for _, act, _ in _PHRASES}
    opens = "|".join([*sorted(acts), _OTHER_OPENS])
    return WordRail("harm", [*_phrase_rules(), *_marker_rules(), *_self_harm_rules()], opens=opens)


def build_distress_rail() -> WordRail:
    """Build the rail `distress`, for people who speak of harming themselves. For input alone."""
    return WordRail("distress", _distress_rules())


def _phrase_rules() -> list[Rule]:
    return [
        rule(category, 0.95, rf"\b(?:{act})\b{_GAP}{words(thing)}", end_of=_unless_defence, is_mention=_is_not_asked)
        for category, act, thing in _PHRASES
    ]


def _marker_rules() -> list[Rule]:
    marker = (
        r"\b(?:illegally|(?:without|avoid|prevent) (?:getting |being |becoming )?(?:caught|detected|traced|noticed by (?:the )?(?:police|authorities)|arousing suspicion|arrested)|"
        r"(?:evad|avoid|escap)(?:e|ing) (?:\w+ )?(?:law enforcement|the police|police|the authorities|detection by|prosecution|arrest|customs)|black market|stolen goods)\b"
    )
    return [rule("crime", 0.95, marker, end_of=_unless_defence, is_mention=_is_not_wanted)]


def _is_not_wanted(match: re.Match[str]) -> bool:
    return _WANTS.search(match.string[max(0, match.start("span") - 80) : match.start("span")]) is None


def _is_not_asked(match: re.Match[str]) -> bool:
    return _ASKS.search(match.string[max(0, match.start("span") - 80) : match.start("span")]) is None


def _self_harm_rules() -> list[Rule]:
    self = r"(?:my|your|him|her|one|them)sel(?:f|ves)"
    ways = r"(?:ways?|how (?:do|can|could|to|should)(?: (?:i|you|one|someone))?|methods?|painless(?:ly)?|easiest|fastest|best)\b[^.!?\n]{0,24}?"
    act = rf"(?:(?:kill|hang|drown|shoot|harm|hurt|cut|starve) {self}|(?:commit|attempt) suicide|end (?:my|your|their) (?:own )?li(?:fe|ves)|(?:self[- ]harm|suicide) methods?|overdose on)"
    return [
        rule("self_harm", 0.95, r"\b(?:persua|convin|encourag|manipulat|pressur|coerc)\w*\b[^.!?\n]{0,28}?\b(?:commit(?:ting)? suicide|suicide|kill (?:him|her|them)sel(?:f|ves)|self-harm|anorexia|bulimia|eating disorders?)\b"),
        rule("self_harm", 0.95, r"\bhow many (?:[\w-]+ ){0,3}?(?:pills|tablets|capsules|painkillers)\b[^.!?\n]{0,32}?\b(?:deadly|lethal|fatal|kill|to die|overdose)\b"),
        rule("self_harm", 0.95, rf"{ways}\b(?P<span>{act})\b"),
    ]  # fmt: skip


def _distress_rules() -> list[Rule]:
    return [
        rule(
            "self_harm",
            0.9,
            r"\b(?:(?:kill|hang|drown|harm|hurt|cut|starve) (?:my|him|her|them)sel(?:f|ves)(?! (?:laughing|shaving|off|short|cooking|while|on|from))|"
            r"end (?:my|his|her) (?:own )?life|end it all|(?:commit|attempt|considering|contemplating|thinking (?:about|of)|tried) (?:suicide|killing)|"
            r"(?:i'?m|i am|i(?:'ve| have) been|feel(?:ing)?|am) (?:\w+ )?suicidal|want(?:ed|ing)? to die|wish i (?:was|were) dead|better off dead|no reason to live|"
            r"don'?t want to (?:live|be alive|exist)|can'?t go on living|take my own life|self[- ]harming|cutting myself)\b",
        ),
    ]  # fmt: skip


def _unless_defence(match: re.Match[str]) -> int | None:
    before = match.string[max(0, match.start("span") - 48) : match.start("span")]
    return None if _DEFENCE.search(before) else match.end("span")
