"""The rail for commands and code that destroy data, run what a stranger wrote, or send credentials away.

It scores 0.9 what destroys or exfiltrates as it stands, 0.6 the same where a sentence warns of it ("never run ..."),
and 0.5 what is merely risky. Prose that names a command has none of these forms. It knows forms, not effects: commands
that are built from variables, encoded, broken over lines, spread over several steps, spaced by more than three characters,
or hold an invisible one pass, and so does code in a language that it has no rule for. It doesn't know which paths, tables or hosts
matter to the reader.
"""

# ruff: noqa: E501 - a pattern is read as one line

import re
import string
from collections.abc import Callable, Iterator

from core.schema import digest_of
from governance.rails.fold import fold
from governance.rails.pattern_rail import MENTION, WINDOW, PatternRail, Rule, last_word, rule
from governance.schema import Finding

_CONTEXT = 88  # how far before a span a rule looks; less than BEHIND, so that a lookbehind there sees what it needs
_S = r"[ \t]{1,3}"
_ENDS = r"(?=[\s\"'`;&|)<>,]|[.?!:]?(?:\s|\Z))"
_ROOT = rf"[\"']?(?:/(?:bin|boot|dev|etc|home|lib(?:64)?|opt|proc|root|sbin|srv|sys|usr|var)?/?\*?|~/?\*?|\$\{{?HOME\}}?/?\*?)[\"']?{_ENDS}"
_DRIVE = rf"[\"']?(?:[a-z]:[\\/]?(?:\*(?:\.\*)?|windows|users)?\\?|(?:%|\$env:)(?:systemroot|systemdrive|userprofile)%?)[\"']?{_ENDS}"
_DEVICE = r"/dev/(?:[shv]d[a-z]|xvd[a-z]|nvme[0-9]|mmcblk[0-9]|r?disk[0-9]|mapper/\w|mem\b)"
_SHELL = r"(?:/(?:usr/)?bin/)?(?:ba|z|da|k|a)?sh\b(?![\w./-])"
_RUNS = rf"(?:sudo{_S}(?:-\w{{1,2}}{_S})?)?(?:{_SHELL}(?!\s?\|)|(?:python[23]?|perl|ruby|node|php)(?=\s{{0,2}}(?:-(?!\w)|[\"'`;&)\n]|\Z)))"
_REMOTE = r"(?:requests\.\w{3,5}\(|(?:urllib\d?\.(?:request\.)?)?urlopen\(|httpx\.\w{3,5}\(|fetch\(|file_get_contents\(\s?[\"'](?:https?:|php://input)|\w{1,12}\.recv\()"
_ENCODED = r"(?:base64_decode|base64\.b64decode|atob|gzinflate|zlib\.decompress|codecs\.decode|bytes\.fromhex)\("
_SENT = r"(?:\$_(?:get|post|request|cookie)\b|request\.(?:data|body|get_data|cookies|args))"
_SECRETS = (
    r"(?:/etc/(?:passwd|shadow)|(?:~|\$HOME|/root|/home/\w{1,12})?/?\.(?:ssh/(?!\w{1,16}\.pub|config|known_hosts|authorized)\w{2}|"
    r"aws/cred|env\b(?!\.)|netrc|kube/config|docker/config|gnupg|pgpass|git-credentials)|\bid_(?:rsa|ed25519|ecdsa)\b(?!\.pub)|/proc/self/environ)"
)
_TABLE, _OVER = r"[\w.\"'`\[\]-]{1,24}", r"\s{0,2}(?:;|[\"'`]{1,3}\s?[),]|\n?```)"
_SERVICES = r"(?:firewalld|ufw|auditd|apparmor|clamav|iptables|nftables|fail2ban|falcon-sensor|wazuh-agent|rsyslog)"

# category, score, the words or the sign that it opens with, the pattern (of a word: what follows it)
_FORMS: tuple[tuple[str, float, str, str], ...] = (
    ("destruction", 0.9, "rm", rf"(?=[^\n|;&]{{0,30}}?{_S}-(?:\w{{0,5}}r|-recursive))(?:{_S}-{{1,2}}[\w-]{{1,16}}){{1,3}}{_S}(?:[\w./*~-]{{1,12}}{_S}){{0,2}}?{_ROOT}"),
    ("destruction", 0.9, "rm", rf"{_S}-[^\n|;&]{{0,34}}?--no-preserve-root\b"),
    ("destruction", 0.9, "dd", rf"(?={_S}\w{{1,6}}=)[^\n;|]{{0,36}}?\bof={_DEVICE}"),
    ("destruction", 0.9, "mkfs mke2fs wipefs shred blkdiscard", rf"(?:\.\w{{1,8}})?(?:{_S}[\w.=-]{{1,10}}){{0,3}}?{_S}{_DEVICE}"),
    ("destruction", 0.9, "<", rf">\s?(?:{_DEVICE}|/proc/sysrq-trigger)"),
    ("destruction", 0.9, "mv", rf"(?:{_S}-\w)?{_S}{_ROOT}{_S}/dev/null\b"),
    ("destruction", 0.9, "find", rf"{_S}{_ROOT}[^\n;|]{{0,24}}?{_S}(?:-delete\b|-exec{_S}(?:rm|shred)\b)"),
    ("destruction", 0.9, "chmod", rf"(?:{_S}-{{1,2}}\w{{1,9}}){{0,2}}{_S}(?:0?777|0?000|(?:a|ugo)?\+rwx){_S}{_ROOT}"),
    ("destruction", 0.9, "chown", rf"{_S}(?:-r|--recursive){_S}[\w:.$-]{{1,16}}{_S}{_ROOT}"),
    ("destruction", 0.9, ":", r":\s?\(\)\s?\{\s?:\s?\|\s?:\s?&\s?\}"),
    ("destruction", 0.9, "()", r"(?P<name>\w{1,10})\(\)\s?\{\s{0,2}(?P=name)\s?\|\s?(?P=name)\s?&"),
    ("destruction", 0.9, "while", r"\s\(?(?:true|1)\)?:?\s{0,8}(?:;?\s?do\s|\{)?\s{0,4}(?:os\.)?fork\("),
    ("destruction", 0.9, "%0", r"%0\s?\|\s?%0\b"),
    ("destruction", 0.9, "del erase rd rmdir", rf"(?:{_S}/\w){{1,4}}{_S}{_DRIVE}"),
    ("destruction", 0.9, "remove-item ri", rf"(?=[^\n|;]{{0,44}}{_S}-r)[^\n|;]{{0,32}}?{_S}{_DRIVE}"),
    ("destruction", 0.9, "format", rf"{_S}[a-z]:{_S}/\w"),
    ("destruction", 0.9, "shutil rmtree", r"(?:\.rmtree)?\(\s?[\"'](?:/(?:home|etc|usr|var)?|~|[a-z]:[\\/]{1,2})/?[\"']"),
    ("destruction", 0.9, "kill", rf"{_S}-(?:9|kill|sigkill){_S}-1\b"),
    ("destruction", 0.9, "vssadmin wbadmin wmic", rf"(?:\.exe)?{_S}(?:delete{_S}(?:shadows|catalog|systemstatebackup)|shadowcopy{_S}delete)\b"),
    ("destruction", 0.9, "kubectl", rf"{_S}delete{_S}(?:[\w,/]{{1,12}}{_S}){{0,2}}--all\b"),
    ("destruction", 0.9, "terraform", rf"{_S}destroy[^\n]{{0,24}}?{_S}-{{1,2}}auto-approve\b"),
    ("destruction", 0.9, "aws", rf"{_S}s3{_S}(?:rb|rm){_S}s3://[\w.-]{{1,24}}/?{_S}--(?:force|recursive)\b"),
    ("database_loss", 0.9, "drop", rf"\s{{1,3}}(?:database|schema)\s{{1,3}}(?:if\s{{1,3}}exists\s{{1,3}})?{_TABLE}?(?:\s{{1,3}}cascade)?{_OVER}"),
    ("database_loss", 0.9, "delete", rf"\s{{1,3}}from\s{{1,3}}{_TABLE}?(?:\s{{1,3}}where\s{{1,3}}(?:1\s?=\s?1|true))?{_OVER}"),
    ("database_loss", 0.9, "db", r"\.(?:dropdatabase\(\s?\)|\w{1,20}\.(?:deletemany|remove)\(\s?\{\s?\}\s?\))"),
    ("database_loss", 0.9, "redis-cli", rf"[^\n|]{{0,30}}?{_S}flush(?:all|db)\b"),
    ("database_loss", 0.5, "drop truncate", rf"\s{{1,3}}table\s{{1,3}}(?:if\s{{1,3}}exists\s{{1,3}})?{_TABLE}?(?:\s{{1,3}}cascade)?{_OVER}"),
    ("database_loss", 0.5, "update", rf"\s{{1,3}}{_TABLE}\s{{1,3}}set\s{{1,3}}(?:(?!where)[^;\n]){{1,24}}?;"),
    ("remote_execution", 0.9, "sh bash zsh dash ksh source eval python python2 python3 perl ruby", rf"(?:{_S}-\w{{1,3}}){{0,2}}{_S}[\"']?(?:<\s?\(|\$\(|`)\s?(?:curl|wget|fetch)\b"),
    ("remote_execution", 0.9, "iex invoke-expression", r"\s{0,2}[(&$\s\"']{0,4}(?:iwr|irm|curl|wget|invoke-webrequest|invoke-restmethod|new-object\s{1,3}(?:system\.)?net\.webclient)\b"),
    ("remote_execution", 0.9, "|", r"\|\s{0,2}(?:iex|invoke-expression)\b(?!\s?\|)"),
    ("remote_execution", 0.9, "new-object", rf"{_S}(?:system\.)?net\.webclient\)?\.download(?:string|data|file)\("),
    ("remote_execution", 0.9, "certutil", r"(?:\.exe)?[^\n|;]{0,16}?[-/]urlcache[^\n|;]{0,16}?https?:"),
    ("remote_execution", 0.9, "bitsadmin", r"(?:\.exe)?[^\n|;]{0,8}?/transfer[^\n|;]{0,24}?https?:"),
    ("remote_execution", 0.9, "mshta rundll32", rf"(?:\.exe)?{_S}[\"']?(?:https?|javascript|vbscript):"),
    ("remote_execution", 0.9, "regsvr32", r"(?:\.exe)?[^\n|;]{0,24}?/i:https?:"),
    ("remote_execution", 0.9, "exec eval assert system passthru shell_exec function", rf"\(\s?(?:(?:await|compile)\b\s?|\(){{0,4}}(?:{_REMOTE}|{_ENCODED}|\$_(?:get|post|request|cookie)\b)"),
    ("remote_execution", 0.9, "pickle cpickle cloudpickle dill marshal joblib", rf"\.loads?\(\s?(?:io\.bytesio\(\s?)?(?:{_REMOTE}|{_SENT}|base64\.b64decode\()"),
    ("reverse_shell", 0.9, "<", r"(?:>&|<>)\s?/dev/(?:tcp|udp)/"),
    ("reverse_shell", 0.5, "/dev/", r"/dev/(?:tcp|udp)/\w"),
    ("reverse_shell", 0.9, "nc ncat netcat", rf"(?:\.exe)?[^\n|;]{{0,24}}?\s(?:-\w{{0,4}}[ec]|--(?:sh-)?exec){_S}[\"']?(?:{_SHELL}|cmd\b|powershell\b)"),
    ("reverse_shell", 0.9, "mkfifo", rf"{_S}[\w./]{{1,16}}\s?[;&]{{1,2}}[^\n]{{0,20}}?(?:{_SHELL}|\bnc\b)"),
    ("reverse_shell", 0.9, "socat", rf"{_S}[^\n]{{0,40}}?exec:"),
    ("reverse_shell", 0.9, "os", r"\.dup2\(\s?\w{1,8}\.fileno\(\)"),
    ("reverse_shell", 0.9, "pty", r"\.spawn\(\s?\[?[\"'](?:/bin/)?(?:ba|z)?sh\b"),
    ("reverse_shell", 0.9, "subprocess", r"\.\w{3,12}\(\s?\[\s?[\"']/bin/(?:ba)?sh[\"'],\s?[\"']-i\b"),
    ("reverse_shell", 0.9, "fsockopen", r"\(\s?[\"'][\w.]{4,24}[\"'],\s?[0-9]"),
    ("reverse_shell", 0.9, "new-object", rf"{_S}(?:system\.)?net\.sockets\.tcpclient\b"),
    ("reverse_shell", 0.9, "use", r"\ssocket;\s?(?:my\s)?\$\w{1,6}\s?="),
    ("security_off", 0.9, "set-mppreference add-mppreference", rf"[^\n]{{0,8}}?{_S}-(?:disable\w{{4,24}}{_S}(?:\$true|1)\b|exclusionpath{_S}{_DRIVE})"),
    ("security_off", 0.9, "netsh", rf"{_S}(?:advfirewall{_S}set{_S}\w{{6,14}}{_S}state{_S}off|firewall{_S}set{_S}opmode{_S}disable)\b"),
    ("security_off", 0.9, "sc net stop-service", rf"(?:\.exe)?(?:{_S}(?:stop|delete))?{_S}[\"']?(?:windefend|wscsvc|mpssvc)\b"),
    ("security_off", 0.5, "setenforce auditctl", rf"{_S}(?:-e{_S})?0\b"),
    ("security_off", 0.5, "ufw csrutil spctl", rf"(?:{_S}--force)?{_S}(?:disable\b|--(?:global|master)-disable\b)"),
    ("security_off", 0.5, "iptables nft", rf"{_S}(?:-f\b|--flush\b|flush{_S}ruleset\b)(?!{_S}[a-z])"),
    ("security_off", 0.5, "systemctl service", rf"(?:{_S}--now)?{_S}(?:(?:stop|disable|mask){_S}(?:--now{_S})?{_SERVICES}\b|{_SERVICES}{_S}stop\b)"),
    ("security_off", 0.5, "history unset", rf"{_S}(?:-c\b|histfile\b)"),
    ("credential_theft", 0.9, "-", rf"(?:-[df]|--data(?:-\w{{1,9}})?|--form)[ =]{{0,2}}[\"']?(?:\w{{1,10}}=)?@{_SECRETS}"),
    ("credential_theft", 0.9, "-", rf"(?:(?-i:-T)|--upload-file|--post-file)[ =]{{1,2}}[\"']?{_SECRETS}"),
    ("credential_theft", 0.9, "scp rsync", rf"(?:{_S}-\w{{1,5}})?{_S}{_SECRETS}[\w./]{{0,6}}{_S}[\w.-]{{1,12}}@"),
    ("credential_theft", 0.9, "data json files body params", r"\s?[=:]\s?[^\n,;]{0,20}?(?:\bos\.environ\b(?![\[.])|process\.env\b(?![\[.])|document\.cookie|localstorage\b(?![\[.])|open\(\s?[\"'][^\"'\n]{0,14}?(?:\.ssh/|\.aws/|/etc/(?:passwd|shadow)))"),
    ("credential_theft", 0.9, "document window location self top", r"(?:\.\w{3,8}){0,2}\s?\+?=\s?[^\n;]{0,30}?document\.cookie\b"),
    ("credential_theft", 0.9, ".src", r"\.src\s?\+?=\s?[^\n;]{0,30}?document\.cookie\b"),
    ("credential_theft", 0.9, "fetch navigator", r"(?:\.sendbeacon)?\([^\n;]{0,40}?(?:document\.cookie|localstorage)\b"),
    ("credential_theft", 0.9, "sekurlsa lsadump", r"::\w{3}"),
    ("credential_theft", 0.9, "reg", rf"(?:\.exe)?{_S}save{_S}hklm\\(?:sam|system|security)\b"),
    ("credential_theft", 0.9, "procdump procdump64 comsvcs", r"[^\n]{0,20}?(?:\blsass|\bminidump\b)"),
    ("credential_theft", 0.5, "<", r">>\s?[\w~/.$]{0,20}(?:authorized_keys|/etc/(?:sudoers|crontab|passwd))\b"),
    ("credential_theft", 0.5, "cat less more strings", rf"{_S}(?:/etc/shadow\b|(?:~|/root)/\.ssh/id_\w{{3,8}}\b(?!\.pub))"),
    ("risky_code", 0.5, "rm", rf"(?=[^\n|;&]{{0,30}}?{_S}-(?:\w{{0,5}}r|-recursive))(?:{_S}-{{1,2}}[\w-]{{1,16}}){{1,3}}{_S}[\"']?(?:\*|\.{{1,2}}/?\*?|\$\{{?\w{{1,16}}\}}?/\*?)[\"']?{_ENDS}"),
    ("risky_code", 0.5, "chmod", rf"(?:{_S}-{{1,2}}\w{{1,9}}){{0,2}}{_S}0?777{_S}(?!{_ROOT})[\w./~$*]"),
    ("risky_code", 0.5, "git", rf"{_S}push(?:{_S}[\w/-]{{1,12}}){{0,2}}?{_S}(?:--force\b(?!-)|-f\b)"),
    ("risky_code", 0.5, "pickle cpickle cloudpickle dill marshal", r"\.loads?\(\w"),
    ("risky_code", 0.5, "yaml", r"\.(?:unsafe_load\(|load\(\s?\w(?![^\n]{0,40}safe))"),
    ("risky_code", 0.5, "exec eval os subprocess", rf"(?:\.(?:system|popen|run|call|check_output))?\(\s?(?:input\(|sys\.argv|{_SENT})"),
    ("risky_code", 0.5, "subprocess", r"\.\w{3,12}\(\s?f[\"'][^\n]{0,36}?shell\s?=\s?true\b"),
)  # fmt: skip
_FETCHED = re.compile(
    r"(?<![\w.-])(?:(?:curl|wget|fetch|nc|ncat|telnet)\s[^\n|;]*(?:\|\s?(?:tee|base64|gunzip|gzip|xz|openssl|sed|tr)\b[^\n|;]*)?|(?:base64|xxd)\s-{1,2}[dr][^\n|;]*)\Z|[^\s|]{60}\s{0,3}\Z",
    re.IGNORECASE,
)
_READ = re.compile(rf"(?:{_SECRETS}|(?<![\w.-])(?:env|printenv))(?![^\n]*;)[^\n]{{0,60}}\Z", re.IGNORECASE)
_POWERSHELL = re.compile(r"\b(?:powershell|pwsh)\b[^\n;]*\Z", re.IGNORECASE)
_LAST_COMMAND = re.compile(r"(?<![\w.-])(?:curl|wget|fetch|cat|env|powershell|pwsh)\b[^\n;]*\Z", re.IGNORECASE)
_WARNS = re.compile(
    r"(?:\bnever|n['’]t|(?<!why )\bnot|\bcannot|\bavoid|\bbeware of)(?: ever)?(?: (?:run(?:ning)?|execut(?:e|ing)|typ(?:e|ing)|us(?:e|ing)|enter(?:ing)?|past(?:e|ing)|call(?:ing)?|try(?:ing)?))?"
    r"(?: (?:a |the |any )?(?:commands?|code|things|anything)(?: (?:such as|like))?)?:? ?[\"'`“‘(]{0,3}(?:sudo )?\Z",
    re.IGNORECASE,
)
_SIGNS = {  # each is found without looking past a space, so that the unfinished last word is all that a stream holds
    "()": r"\b\w{1,10}\(\)", "<": "[<>]", "|": r"\|", ":": r":(?=\s?(?:\(|\Z))", "-": r"(?<!\S)--?[a-z]",
    "/dev/": "/dev/", ".src": r"\.src\b", "%0": "%0",
}  # fmt: skip
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class UnsafeCodeRail(PatternRail):
    """A rail whose patterns are tried only at the words and signs that they open with, because they are many."""

    def __init__(self) -> None:
        rules = list(_rules())
        super().__init__("unsafe_code", [each for _, each in rules], open_from=_open_from)
        context = [each.pattern for each in (_FETCHED, _READ, _POWERSHELL, _LAST_COMMAND, _WARNS, _OPENS)]
        self.version = digest_of([self.version, context])
        self._by_opening: dict[str, list[Rule]] = {}
        for opens, each in rules:
            for word in opens.split():
                self._by_opening.setdefault(word, []).append(each)

    def inspect_from(self, text: str, start: int) -> list[Finding]:
        """Return the findings whose spans begin at `start` or later; what stands before is context alone."""
        plain = fold(text)
        best: dict[tuple[str, int], Finding] = {}
        for opened in _OPENS.finditer(plain.translate(_SMALL), start):
            for each in self._by_opening[_opening(opened)]:
                finding = self._found(each, text, each.pattern.match(plain, opened.start()))
                key = each.category, opened.start()
                if finding and (key not in best or best[key].score < finding.score):
                    best[key] = finding
        return sorted(best.values(), key=lambda f: (f.start, -f.end, -f.score))

    def _found(self, each: Rule, text: str, match: re.Match[str] | None) -> Finding | None:
        end = each.end_of(match) if match and each.end_of else None
        if match is None or end is None:
            return None
        score = MENTION if each.is_mention and each.is_mention(match) else each.score
        return self._finding(each.category, score, text, match.start("span"), end)


def build_unsafe_code_rail() -> UnsafeCodeRail:
    """Build the rail `unsafe_code`."""
    return UnsafeCodeRail()


def _rules() -> Iterator[tuple[str, Rule]]:
    piped = rf"\|\s{{0,2}}{_RUNS}"
    sent = r"\|\s{0,2}(?:(?:base64|xxd|gzip)[^\n|]{0,6}\|\s?)?(?:curl|wget|nc|ncat|netcat|socat|telnet|ssh|mail|sendmail)\b"
    encoded = rf"-e(?:c|nc(?:odedcommand)?)?{_S}[\"']?[a-z0-9+/]{{16}}[a-z0-9+/=]{{0,1000}}"
    for category, score, opens, pattern in _FORMS:
        first = "" if opens in _SIGNS else f"(?:{opens.replace(' ', '|')})(?!\\w)"
        yield opens, _rule(category, score, first + pattern, _near_end)
    yield "|", _rule("remote_execution", 0.9, piped, _fetched_end)
    yield "|", _rule("credential_theft", 0.9, sent, _read_end)
    yield "-", _rule("remote_execution", 0.9, encoded, _powershell_end)


def _rule(category: str, score: float, pattern: str, end_of: Callable[[re.Match[str]], int | None]) -> Rule:
    warned = _is_warned_of if score >= 0.9 else None
    whole = f"(?P<span>{pattern})"
    return rule(category, score, whole, end_of=end_of, is_mention=warned, ignore_case=True)


def _opens() -> re.Pattern[str]:
    """Return what finds every place where a form may open: a group for each sign, and one for the words."""
    words = {word for _, _, opens, _ in _FORMS if opens not in _SIGNS for word in opens.split()}
    signs = "|".join(f"({sign})" for sign in _SIGNS.values())
    return re.compile(rf"(?={signs}|(?<![\w.$-])({'|'.join(sorted(words, reverse=True))})(?!\w))")


_OPENS = _opens()


def _opening(opened: re.Match[str]) -> str:
    group = opened.lastindex or 0
    return [*_SIGNS][group - 1] if group <= len(_SIGNS) else opened[group]


def _open_from(text: str) -> int:
    opened = _OPENS.search(text.translate(_SMALL))
    return min(last_word(text), opened.start() if opened else len(text))


def _before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start("span") - _CONTEXT) : match.start("span")]


def _near_end(match: re.Match[str]) -> int | None:
    return match.end("span") if match.end("span") - match.start("span") <= WINDOW else None


def _fetched_end(match: re.Match[str]) -> int | None:
    return match.end("span") if _FETCHED.search(_before(match)) else None


def _powershell_end(match: re.Match[str]) -> int | None:
    return match.end("span") if _POWERSHELL.search(_before(match)) else None


def _read_end(match: re.Match[str]) -> int | None:
    return match.end("span") if _READ.search(_before(match)) else None


def _is_warned_of(match: re.Match[str]) -> bool:
    """Say whether a warning stands right before the command that a span belongs to."""
    return _WARNS.search(_LAST_COMMAND.sub("", _before(match))) is not None
