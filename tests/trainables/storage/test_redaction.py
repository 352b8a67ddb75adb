"""Secrets are taken out of text that is kept, and nothing else is."""

import logging

import pytest

from trainables.storage.redaction import RedactingFormatter, holds_secret, redact

SECRETS = {
    "s3://AKIA1:hunter22@bucket/results": "s3://***@bucket/results",
    "https://b.s3.amazonaws.com/k?X-Amz-Signature=abcdef&x=1": "https://b.s3.amazonaws.com/k?X-Amz-Signature=***&x=1",
    "Authorization: Bearer 0123456789abcdef": "Authorization: Bearer ***",
    "tuner launch blur --api-key hunter22 --seed 1": "tuner launch blur --api-key *** --seed 1",
    "--password=hunter22": "--password=***",
    "S3FileSystem(access_key='AKIA1', secret_key='hunter22')": "S3FileSystem(access_key='***', secret_key='***')",
    '{"token": "hunter22", "name": "first"}': '{"token": "***", "name": "first"}',
    "AWS_SECRET_ACCESS_KEY=hunter22 ray start": "AWS_SECRET_ACCESS_KEY=*** ray start",
}
PLAIN = [
    "tuner launch blur --set lr=0.05 --set max_tokens=128 --storage s3://bucket/results",
    "RAY_AUTH_MODE=token ray start --head",
    "the head asks for a token, but none is set here",
    "mailto: someone@example.com",
    "http://127.0.0.1:8265",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_hidden_and_what_surrounds_it_stays(text):
    assert redact(text) == SECRETS[text]
    assert holds_secret(text)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("text", PLAIN)
def test_text_without_secrets_is_left_alone(text):
    assert redact(text) == text
    assert not holds_secret(text)


def test_the_value_of_a_secret_variable_is_hidden_wherever_it_stands(monkeypatch):
    monkeypatch.setenv("MY_SERVICE_TOKEN", "zebra-stripes")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/home/me/.ray/auth_token")
    monkeypatch.setenv("SHORT_PASSWORD", "on")
    assert redact("rejected zebra-stripes, on purpose, see /home/me/.ray/auth_token") == (
        "rejected ***, on purpose, see /home/me/.ray/auth_token"
    )


def test_a_log_hides_what_an_exception_quotes():
    try:
        raise OSError("403 for https://key:hunter22@host/")
    except OSError as error:
        record = logging.LogRecord("t", logging.ERROR, "f", 1, "lost it", (), (type(error), error, error.__traceback__))
    text = RedactingFormatter("%(message)s").format(record)
    assert "lost it" in text
    assert "https://***@host/" in text
    assert "hunter22" not in text
