import pytest

from governance.rails.secrets import build_secrets_rail

RAIL = build_secrets_rail()

FOUND = [
    ("aws_access_key", "key <<AKIAIOSFODNN7EXAMPLE>>."),
    ("github_token", "use <<ghp_abcdefghijklmnopqrstuvwxyz0123456789>>"),
    ("github_token", "use <<github_pat_11ABCDEFG0123456789abcdef>>"),
    ("gitlab_token", "use <<glpat-abcdefghij0123456789>>"),
    ("slack_token", "use <<xoxb-123456789012-abcdefghij>>"),
    ("slack_token", "https://hooks.slack.com/services/<<T0000000/B0000000/abcdefgh>>"),
    ("google_key", "use <<AIzaSyA1234567890abcdefghijklmnopqrstuv>>"),
    ("model_api_key", "use <<sk-proj-abc123def456ghi789jkl012>>"),
    ("stripe_key", "use <<sk_live_abcdefghijklmnop1234>>"),
    ("package_token", "use <<npm_abcdefghijklmnopqrstuvwxyz0123456789>>"),
    ("mail_api_key", "use <<SG.abcdefghijklmnop.qrstuvwxyz>>"),
    ("chat_bot_token", "use <<123456789:AAabcdefghijklmnopqrstuvwxyz0123456>>"),
    ("chat_bot_token", "use <<MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs>>"),
    ("twilio_key", "use <<SK0123456789abcdef0123456789abcdef>>"),
    ("jwt", "use <<eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3>>"),
    ("private_key", "-----BEGIN RSA PRIVATE KEY-----<<\nMIIE\nvQ==\n>>-----END RSA PRIVATE KEY-----"),
    ("private_key", "-----BEGIN PRIVATE KEY-----<<\nMIIE and no end>>"),
    ("password", "password: <<hunter2!>>"),
    ("password", "my password is <<Summer2024>>"),
    ("password", "password=<<letmein>>"),
    ("password", 'api_key = "<<AbC123dEf456>>"'),
    ("access_token", "Authorization: Bearer <<abcdef1234567890abcdef1234>>"),
    ("connection_password", "postgres://bob:<<s3cr3t>>@db.example.com/x"),
    ("connection_password", "redis://:<<" + "p" * 70 + ">>@db/x"),
    ("high_entropy", "the signing secret here, Zm9vYmFyMTIz <<a8F3kLm92QpXz7RtY5bN1cVw>> ok"),
]


@pytest.mark.parametrize(("category", "marked"), FOUND)
def test_secrets_rail_finds_exact_span(category: str, marked: str) -> None:
    start, end = marked.index("<<"), marked.index(">>") - 2
    text = marked.replace("<<", "").replace(">>", "")
    spans = {(f.start, f.end) for f in RAIL.inspect(text) if f.category == category}
    assert (start, end) in spans


@pytest.mark.parametrize(
    "text",
    [
        "A good password is important, and the token is required.",
        "password = os.environ['PASSWORD']",
        "password: <your password>",
        "password = getenv(x)",
        "The password is [PASSWORD_1].",
        "Use sk-learn-based-tools-for-that-job.",
        "http://localhost:8080/path and http://host:80/a@b",
        "The key to success is internationalization-and-localization.",
        "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
        "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----",
        "",
    ],
)
def test_secrets_rail_leaves_harmless_text_alone(text: str) -> None:
    assert RAIL.inspect(text) == []
