"""Wherever a name out of a known set is refused, the sentence offers the one that was probably meant."""

import pytest

from trainables.config.wording import among, nearest


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("train blur --set sigmaa=1", "sigma"),
        ("train blurr", "blur"),
        ("train blur --strategy grap", "graph"),
        ("train blur --set precision=bf1", "bf16"),
        ("train blur --set precision=FLOAT32X", "float32"),
        ("train bn_only --set trainable_set=shortcut_outputs", "shortcut_output"),
        ("train online_norm --set norm_modee=x", "norm_mode"),
        ("train deconv --set norm=deconvv", "deconv"),
        ("plan blur --set sigmaa=choice(1,2)", "sigma"),
        ("plan blur --set lr_schedule=choice(cosin,step)", "cosine"),
        ("plan blurr", "blur"),
        ("plan blur smok", "smoke"),
        ("plan blur --space serch", "search"),
        ("plan blur --rule ashaa", "asha"),
        ("plan blur --rule Promotions", "promotion"),
        ("plan blur --strategy seriall", "serial"),
        ("plan blur --placement spred", "spread"),
        ("launch blur --placement packt", "packed"),
        ("launch online_nrm", "online_norm"),
        ("spaces blurr", "blur"),
        ("spaces blur smokee", "smoke"),
        ("doctor blurr", "blur"),
        ("doctor --dataset cifar1", "cifar10"),
        ("data check cifar", "cifar10"),
        ("data fetch cifar-100", "cifar100"),
        ("list --state finishd", "finished"),
        ("list --sort mediann", "median"),
        ("evaluate x.pt --epoch bst", "best"),
        ("predict x.pt cat.png --epoch lst", "last"),
    ],
)
def test_a_refused_name_is_answered_with_the_nearest(tuner, words, meant):
    code, shown, said = tuner(*words.split())
    assert (code, shown) == (2, "")
    assert f"did you mean `{meant}`?" in said


@pytest.mark.parametrize("words", ["lanch blur", "slurm scipt", "cluster chek", "data lst", "launch blur --epoks 3"])
def test_a_mistyped_verb_or_option_is_answered_with_the_nearest(tuner, words):
    code, _, said = tuner(*words.split())
    assert code == 2
    assert "Did you mean" in said or "Possible options: --epochs" in said


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        (["--rule", "halvin"], "halving"),
        (["--models", "resnet"], "resnet18"),
        (["--metric", "val_acuracy"], "val_accuracy"),
    ],
)
def test_what_a_replay_is_asked_for_is_answered_with_the_nearest(tuner, tmp_path, options, meant):
    (tmp_path / "curves.csv").write_text("model,epoch,split,metric,value\nresnet18,1,val,accuracy,0.5\n")
    code, _, said = tuner("replay", tmp_path / "curves.csv", *options)
    assert code == 2
    assert f"did you mean `{meant}`?" in said


def test_capitals_are_no_reason_to_find_nothing():
    assert nearest("SIGMA", ["lr", "sigma"]) == "did you mean `sigma`?"
    assert nearest("dEcOnVv", ["bn", "Deconv"], before="; ") == "; did you mean `Deconv`?"


def test_where_nothing_is_near_the_sentence_is_the_plain_one():
    assert among("fastest", ("auto", "serial")) == "one of auto, serial"
    assert among(3, ("auto", "serial"), "auto or serial") == "auto or serial"
    assert among("autoo", ("auto", "serial"), "auto or serial") == "auto or serial (did you mean `auto`?)"
