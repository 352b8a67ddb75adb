"""The text of `--set`."""

import math
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from ray import tune

from search_spaces.domains import bounds, choices, signature
from search_spaces.overrides import describe, parse, parse_all
from trainables import families


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("lr=0.05", "lr", 0.05),
        ("lr=5e-2", "lr", 0.05),
        ("batch_size=64", "batch_size", 64),
        ("batch-size=64", "batch_size", 64),
        ("x=-3", "x", -3),
        ("blur_val=true", "blur_val", True),
        ("blur_val=False", "blur_val", False),
        ("image_size=none", "image_size", None),
        ("mode=mix", "mode", "mix"),
        ("mode=random-mix", "mode", "random-mix"),
        ("dataset=folder:/a/b=c", "dataset", "folder:/a/b=c"),
        ("dataset=folder:/it's (new)/x", "dataset", "folder:/it's (new)/x"),
        ("mode='mix'", "mode", "mix"),
        ("dataset='64'", "dataset", "64"),
        (" lr = 0.05 ", "lr", 0.05),
        ("evaluation_sigmas=(0,1,2)", "evaluation_sigmas", (0, 1, 2)),
        ("evaluation_sigmas=[0, 0.5]", "evaluation_sigmas", (0, 0.5)),
        ("evaluation_sigmas=(4,)", "evaluation_sigmas", (4,)),
        ("evaluation_sigmas=()", "evaluation_sigmas", ()),
    ],
)
def test_a_constant_has_the_type_it_is_written_as(text, name, value):
    found = parse(text)
    assert found == (name, value)
    assert type(found[1]) is type(value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("choice(1,2,4)", [1, 2, 4]),
        ("choice(mix, all)", ["mix", "all"]),
        ("choice(1, 2.0, none, true, 'a,b')", [1, 2.0, None, True, "a,b"]),
        ("choice((0,1),(0,2))", [(0, 1), (0, 2)]),
        ("choice(it's, b)", ["it's", "b"]),
        ('choice("a)b", c)', ["a)b", "c"]),
        ("grid(1,2)", [1, 2]),
    ],
)
def test_a_list_of_values_is_taken_as_written(text, values):
    assert choices(parse(f"x={text}")[1]) == values


def test_grid_becomes_a_grid_search():
    assert parse("lr=grid(0.1,0.2)") == ("lr", tune.grid_search([0.1, 0.2]))


@pytest.mark.parametrize(
    ("text", "function", "arguments"),
    [
        ("uniform(0,1)", "uniform", (0, 1)),
        ("loguniform(1e-3, 1e-1)", "loguniform", (1e-3, 1e-1)),
        ("quniform(0,1,0.25)", "quniform", (0, 1, 0.25)),
        ("qloguniform(0.1,1,0.1)", "qloguniform", (0.1, 1, 0.1)),
        ("randint(1,5)", "randint", (1, 5)),
        ("lograndint(1,5)", "lograndint", (1, 5)),
        ("qrandint(16,64,16)", "qrandint", (16, 64, 16)),
        ("qlograndint(16,64,16)", "qlograndint", (16, 64, 16)),
    ],
)
def test_a_range_is_rays_domain_of_that_name(text, function, arguments):
    domain = parse(f"x={text}")[1]
    assert signature(domain) == (function, arguments)
    low, high = bounds(domain)
    assert all(low <= domain.sample(random_state=seed) <= high for seed in range(20))


def test_a_normal_distribution_has_no_bounds():
    domain = parse("x=randn(0.9,0.02)")[1]
    assert signature(domain) == ("randn", (0.9, 0.02))
    assert bounds(domain) is None


def test_nan_is_a_number_for_the_family_to_refuse():
    assert math.isnan(parse("lr=nan")[1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lr", "`lr` is not of the form knob=value; write for example lr=0.05"),
        ("=3", "`=3` is not of the form knob=value"),
        ("1r=3", "`1r=3` is not of the form knob=value"),
        ("lr=", "`lr` has no value; write for example lr=0.05"),
        ("lr=logunform(1,2)", "there is no logunform(...), did you mean loguniform(...)?"),
        ("lr=loguniform(0,1)", "low of loguniform(low, high) is 0, but must be greater than 0"),
        ("lr=loguniform(2,1)", "low of loguniform(low, high) is 2, but must be less than high (1); swap them"),
        ("lr=uniform(1)", "uniform(low, high) takes 2 numbers, but got 1"),
        ("lr=uniform(a,1)", "low of uniform(low, high) is 'a', but must be a finite number"),
        ("lr=uniform(0,inf)", "high of uniform(low, high) is inf, but must be a finite number"),
        ("lr=uniform(0,true)", "high of uniform(low, high) is True, but must be a finite number"),
        ("b=randint(1.5,3)", "low of randint(low, high) is 1.5, but must be a whole number"),
        ("lr=quniform(0,1,0)", "step of quniform(low, high, step) is 0, but must be greater than 0"),
        ("lr=quniform(0,1,0.3)", "must be multiples of step (0.3)"),
        ("lr=randn(0,0)", "sd of randn(mean, sd) is 0, but must be greater than 0"),
        ("lr=choice()", "choice() has no values; list at least one"),
        ("lr=choice(1,,2)", "a value is missing between the commas"),
        ("lr=choice(1,2", ") is missing at the end"),
        ("lr=choice(1,(2)", ") is missing at the end"),
        ("lr=choice(1)(2)", "a ) without its opening bracket"),
        ("lr=(1,2", ") is missing at the end"),
        ("mode='mix", "'mix is not a quoted string"),
    ],
)
def test_a_text_that_cannot_be_read_is_one_sentence(text, sentence):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the sentence is compared below
        parse(text)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_nothing_in_a_text_is_evaluated():
    with pytest.raises(ValueError, match="cannot be read"):
        parse("lr=__import__('os').getcwd()")
    assert parse("mode=exit")[1] == "exit"


def test_several_overrides_are_read_in_one_go():
    assert parse_all(["lr=0.1", "mode=mix"]) == {"lr": 0.1, "mode": "mix"}


def test_a_knob_set_twice_is_refused_also_under_its_other_spelling():
    with pytest.raises(ValueError, match="`batch_size` is set twice"):
        parse_all(["batch-size=32", "batch_size=64"])


@pytest.mark.parametrize(
    "text",
    [
        "0.001", "64", "true", "none", "mix", "folder:/a/b", "(0, 1.5, (2))", "'a, b'", "'64'", "'none'",
        "choice(1, 2, mix, 'a,b')", "grid(0.1, 0.2)", "uniform(0, 1)", "loguniform(0.001, 0.1)", "quniform(0, 1, 0.25)",
        "randint(1, 5)", "qlograndint(16, 64, 16)", "randn(0.9, 0.02)", "qrandn(0.9, 0.02, 0.01)",
    ],
)  # fmt: skip
def test_what_describe_writes_parse_reads(text):
    assert describe(parse(f"x={text}")[1]) == text


class Knobs(BaseModel):
    word: str = ""
    words: tuple[str, ...] = ()
    chosen: Literal["none", "true", "1e3", "flip"] = "flip"
    maybe: str | None = None
    size: int | None = None
    rate: float = 0.1
    flag: bool = False
    limit: int | Literal["auto", "none"] = 1
    sizes: tuple[int, ...] | None = None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("word=none", "none"), ("word=true", "true"), ("word=1e3", "1e3"), ("word=null", "null"), ("word=007", "007"),
        ("word='none'", "none"), ("words=(none,1,true)", ("none", "1", "true")), ("chosen=none", "none"),
        ("chosen=true", "true"), ("chosen=1e3", "1e3"), ("maybe=none", None), ("maybe='none'", "none"), ("maybe=64", "64"),
        ("size=none", None), ("size=64", 64), ("rate=1", 1), ("rate=none", None), ("flag=true", True), ("limit=none", "none"),
        ("limit=3", 3), ("limit=auto", "auto"), ("sizes=(1,2)", (1, 2)), ("sizes=none", None), ("unknown=none", None),
    ],
)  # fmt: skip
def test_a_word_is_what_the_type_of_its_knob_takes(text, value):
    found = parse(text, Knobs.model_fields)[1]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("chosen=choice(none,flip)", ["none", "flip"]),
        ("size=grid(none,8)", [None, 8]),
        ("words=choice((none,),())", [("none",), ()]),
    ],
)
def test_so_are_the_words_of_a_list(text, values):
    assert choices(parse(text, Knobs.model_fields)[1]) == values


@pytest.mark.parametrize("family", families.names())
def test_every_word_that_a_knob_allows_can_be_set_as_it_is_printed(family):
    fields = families.config_class(family).model_fields
    for name, field in fields.items():
        for value in get_args(field.annotation) if get_origin(field.annotation) is Literal else ():
            assert parse(f"{name}={value}", fields)[1] == value
        if isinstance(field.default, str):
            assert parse(f"{name}={field.default}", fields)[1] == field.default
