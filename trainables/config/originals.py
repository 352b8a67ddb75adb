"""The options of the five original programs, family by family, and what each is called here.

`--set wd=1e-3`, `tuner train blur --kernel-size 7`: whoever comes from an original types what it was called there, and is
answered with the name that it has here. Sources: the README and the command line of each program, all their versions.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Knob:
    """A knob of ours, with the words there that are others here. There a flag has no value, and a list one word a number."""

    name: str
    values: Mapping[str, str] = field(default_factory=dict)
    flag: bool = False
    listed: bool = False

    def value(self, given: Sequence[str]) -> str:
        """What is written here for the words that follow there; VALUE where there are none."""
        if self.flag or not given:
            return "true" if self.flag else next(iter(self.values.values()), "VALUE")
        return f"({','.join(given)})" if self.listed else self.values.get(given[0].lower(), given[0])

    def setting(self, given: Sequence[str]) -> str:
        """The option that sets it here, as a shell takes it."""
        return f"--set {shlex.quote(f'{self.name}={self.value(given)}')}"


@dataclass(frozen=True)
class Elsewhere:
    """No knob; `said` goes on after "is": an option or a command of ours, or why there is none."""

    said: str


Answer = Knob | Elsewhere
Answers = Mapping[str, Answer]  # by the name without dashes, in underscores

_EPOCHS = Elsewhere("`--epochs N` here")
_SEED = Elsewhere("`--seed N` here")
_NAME = Elsewhere("`tuner launch --name NAME` here")
_STORAGE = Elsewhere("`tuner launch --storage FOLDER` here, or `tuner train --save FOLDER`")
_RESUME = Elsewhere("`tuner train --resume-from FILE` here; a search goes on by `tuner resume NAME`")
_START = Elsewhere("not needed here: a checkpoint knows its epoch (`tuner train --resume-from FILE`)")
_EVALUATE = Elsewhere("`tuner evaluate FILE` here")
_PRETRAINED = Elsewhere("`tuner train --pretrained` here, or `tuner launch --pretrained`")
_PRINT = Elsewhere("not needed here: every epoch is shown and recorded")
_WORKERS = Elsewhere("`tuner launch --cpus-per-trial N` here: the CPUs of a trial are its threads")
_GPU = Elsewhere("`tuner launch --gpus-per-trial N` here; `tuner train` takes a GPU where there is one")
_DISTRIBUTED = Elsewhere("not needed here: `tuner launch --gpus-per-replicate N` trains a replicate on several GPUs")
_UNUSED = "without effect there and not needed here"


def _truths(true: str, false: str) -> dict[str, str]:
    """The words of a switch there."""
    return dict.fromkeys(("true", "yes", "y", "t", "on", "1"), true) | dict.fromkeys(
        ("false", "no", "n", "f", "off", "0"), false
    )


# Beside each answer every spelling of every version. Options that have the name of a knob here stand with the others.
_BLUR: Mapping[str, Answer] = {
    "-a --arch": Knob("arch"),
    "--mode": Knob("mode"),
    "-s --sigma": Knob("sigma"),
    "--reverse_sigma": Knob("sigma"),
    "--min_sigma": Knob("min_sigma"),
    "--max_sigma": Knob("max_sigma"),
    "--init-sigma --init-s": Knob("init_sigma"),
    "--cbt-rate": Knob("cbt_rate"),
    "--blur-val": Knob("blur_val", flag=True),
    "-k --kernel-size": Elsewhere(f"{_UNUSED}: the kernel has round(8 sigma + 1) pixels, the next odd number"),
    "-b --batch-size": Knob("batch_size"),
    "--lr --learning-rate": Knob("lr"),
    "--momentum": Knob("momentum"),
    "-w --wd --weight-decay": Knob("weight_decay"),
    "--epochs": _EPOCHS,
    "-e": Elsewhere("`--epochs N` here; where it evaluated, `tuner evaluate FILE`"),
    "--evaluate": _EVALUATE,
    "--start-epoch": _START,
    "--resume": _RESUME,
    "--pretrained": _PRETRAINED,
    "-n --exp-name": _NAME,
    "--log_dir": _STORAGE,
    "--seed": _SEED,
    "-p --print-freq": _PRINT,
    "-j --workers": _WORKERS,
    "--gpu --no-cuda": _GPU,
    "--world-size --rank --dist-url --dist-backend --multiprocessing-distributed": _DISTRIBUTED,
    "--p_blur": Elsewhere(
        "not offered here: of a batch a fixed share is blurred, which the knob `blurred_fraction` says"
    ),
    "--excluded_labels": Elsewhere("not offered here: all classes are blurred alike"),
}
_ONLINE_NORM: Mapping[str, Answer] = {
    "--norm-mode": Knob("norm_mode"),
    "--afwd --decay-factor-forward": Knob("afwd"),
    "--abkw --decay-factor-backward": Knob("abkw"),
    "--ecm": Knob("ecm"),
    "--gn-num-groups": Knob("gn_num_groups"),
    "-d --depth": Knob("depth"),
    "-a --arch": Knob("arch"),
    "-b --batch-size": Knob("batch_size"),
    "--lr --learning-rate": Knob("lr"),
    "--lr-milestones": Knob("lr_milestones", listed=True),
    "--lr-multiplier": Knob("lr_multiplier"),
    "--momentum": Knob("momentum"),
    "--wd --weight-decay": Knob("weight_decay"),
    "--epochs": _EPOCHS,
    "--start-epoch": _START,
    "--resume": _RESUME,
    "-e --evaluate": _EVALUATE,
    "--pretrained": _PRETRAINED,
    "--model-dir": _STORAGE,
    "--seed": _SEED,
    "-p --print-freq": _PRINT,
    "-j --workers": _WORKERS,
}
_DECONV: Mapping[str, Answer] = {
    "--deconv": Knob("norm", _truths("deconv", "bn")),
    "-a --arch": Knob("arch"),
    "--dataset": Knob("dataset"),
    "--mode": Knob("mode"),
    "--num-groups": Knob("num_groups"),
    "--block": Knob("block"),
    "--num-groups-final --block-fc": Knob("block_fc"),
    "--delinear": Knob("delinear", _truths("true", "false")),
    "--deconv-iter": Knob("n_iter"),
    "--eps": Knob("eps"),
    "--bias": Knob("bias", _truths("true", "false")),
    "--stride": Knob("sampling_stride"),
    "--freeze": Knob("stem_freeze", _truths("true", "false")),
    "--method": Knob("method"),
    "--dropout-rate": Knob("dropout_rate"),
    "--optimizer": Knob("optimizer"),
    "--loss": Knob("loss"),
    "--lr": Knob("lr"),
    "--lr-scheduler": Knob("lr_schedule"),
    "--milestone": Knob("milestone"),
    "--multistep-gamma": Knob("multistep_gamma"),
    "--step-size": Knob("lr_step"),
    "--gamma": Knob("lr_factor"),
    "--momentum": Knob("momentum"),
    "--wd --weight-decay": Knob("weight_decay"),
    "-b --batch-size": Knob("batch_size"),
    "--epochs": _EPOCHS,
    "--start-epoch": _START,
    "--resume": _RESUME,
    "-e --evaluate": _EVALUATE,
    "--pretrained": _PRETRAINED,
    "--seed": _SEED,
    "--msg --viz-T -p --print-freq": _PRINT,
    "-j --num-workers --workers": _WORKERS,
    "--use-gpu --gpu": _GPU,
    "--world-size --rank --dist-url --dist-backend --multiprocessing-distributed": _DISTRIBUTED,
    "--save-plot": Elsewhere("`tuner report NAME` here"),
    "--tensorboard --tensorboardX": Elsewhere("`tuner dashboard NAME` here"),
    "--result-path --checkpoint-path": _STORAGE,
    "--checkpoint-epoch": Elsewhere("without effect there; here `tuner launch --checkpoint-every SECONDS`"),
    "--batchnorm": Elsewhere("without effect there; here the knob `norm` is bn or deconv"),
    "--init": Elsewhere(_UNUSED),
    "--test-run --test-iter": Elsewhere("not needed here: the knob `train_images` makes epochs short"),
}
_BN_ONLY: Mapping[str, Answer] = {
    "-m --model": Knob("name"),
    "-n --name": Elsewhere("`tuner launch --name NAME` here; the knob `name` is the network's"),
    "--train": Elsewhere("`tuner train bn-only` here"),
    "--epoch": _EPOCHS,
    "-b --batch-size": Knob("batch_size"),
    "-lr --learning-rate": Knob("lr"),
    "--weight-path": Elsewhere(
        "`tuner evaluate FILE --family bn_only` here; for init there is the knob `init_evaluation`"
    ),
    "--gpu": _GPU,
    "--data-dir": Elsewhere("`tuner train --data FOLDER` here, or `tuner launch --data FOLDER`"),
    "--batchnorm_frozen --output_frozen --others_frozen --others_frozen_exceptions": Elsewhere(
        "said by the knob `trainable_set` here"
    ),
    "--batchnorm_init": Knob("gamma_init"),
    "--model_init": Knob("weight_init"),
    "--wd --weight-decay": Knob("weight_decay"),
}
# This program keeps most of its settings in a table of its source, by these names.
_IMAGENET: Mapping[str, Answer] = {
    "-m --model": Knob(
        "model",
        {
            "alexnet1": "alexnet_v1",
            "alexnet2": "alexnet_v2",
            "inception1": "inception_v1",
            "mobilenet1": "mobilenet_v1",
            "resnet34": "resnet18",  # what it called so has 18 layers
        },
    ),
    "-a --arch": Knob("model"),
    "-c --checkpoint": _RESUME,
    "batch_size": Knob("batch_size"),
    "workers num_workers": _WORKERS,
    "total_epochs epochs": _EPOCHS,
    "optimizer": Knob("optimizer"),
    "lr learning_rate": Knob("lr"),
    "momentum": Knob("momentum"),
    "weight_decay wd": Knob("weight_decay"),
    "alpha": Elsewhere("the knob `rmsprop_alpha` here; of MobileNet's width, the knob `width`"),
    "eps": Knob("rmsprop_eps"),
    "scheduler": Knob("lr_schedule"),
    "factor gamma": Knob("lr_factor"),
    "patience": Knob("plateau_patience"),
    "step_size": Knob("lr_step"),
    "milestones": Knob("lr_milestones"),
    "max_epoch": Knob("poly_epochs"),
    "power": Knob("poly_power"),
    "seed": _SEED,
}


def _by_name(table: Mapping[str, Answer]) -> Answers:
    return {plain(spelling): answer for spellings, answer in table.items() for spelling in spellings.split()}


def plain(option: str) -> str:
    """An option's name as a knob would be spelled."""
    return option.lstrip("-").partition("=")[0].replace("-", "_")


# family -> its original's options as they are spelled there, and the same by plain name
SPELLED: Mapping[str, Mapping[str, Answer]] = {
    "blur": _BLUR,
    "online_norm": _ONLINE_NORM,
    "deconv": _DECONV,
    "bn_only": _BN_ONLY,
    "imagenet": _IMAGENET,
}
ORIGINALS: Mapping[str, Answers] = {family: _by_name(table) for family, table in SPELLED.items()}


def answer(family: str | None, option: str) -> Answer | None:
    """What an option of the family's original is here; of no known family, what all originals that have it agree on."""
    if family is not None:
        return ORIGINALS.get(family.replace("-", "_"), {}).get(plain(option))
    found = [answers[plain(option)] for answers in ORIGINALS.values() if plain(option) in answers]
    return found[0] if found and all(other == found[0] for other in found) else None


def sentence(option: str, found: Answer, values: Sequence[str] = ()) -> str:
    """The answer for a person, with the values that were given where there were any."""
    if isinstance(found, Elsewhere):
        return f"`{option}` of the original is {found.said}"
    if found.name == plain(option):
        return f"`{option}` is a knob here; use {found.setting(values)}"
    truths = {there.capitalize(): found.values.get(there, there) for there in ("true", "false")}
    told = ", ".join(f"{there}: {here}" for there, here in truths.items() if there.lower() != here)
    told = f" ({told})" if told else ""
    return f"`{option}` of the original is the knob `{found.name}` here{told}; use {found.setting(values)}"


def refusal(name: str, found: Answer) -> str:
    """The answer where a knob of this name was given."""
    if isinstance(found, Elsewhere):
        return f"`{name}` is not a knob of this family; of the original it is {found.said}"
    return sentence(name, found)


def answered(words: Sequence[str], own: frozenset[str], family: str | None, knobs: frozenset[str]) -> Iterator[str]:
    """A sentence for each option among the words of a command line that the command lacks, where it is an original's or
    has the name of a knob.

    Args:
        own: the options that the command has.
        family: the one that is meant, where that is known.
        knobs: its knobs.
    """
    for option, values in options(words):
        if option in own:
            continue
        found = answer(family, option)
        if found is None and plain(option) in knobs:
            found = Knob(plain(option))
        if found is not None:
            yield sentence(option, found, values)


def options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each option of a command line with the words that follow it, also as in `-s1` and `--sigma=1`."""
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("-") and not word[1:2].isdigit() and len(word) > 1:
            option, equals, value = word.partition("=")
            attached = re.fullmatch(r"(-[a-z])([\d.]+)", option)
            found.append((attached[1], [attached[2]]) if attached else (option, [value] if equals else []))
        elif found:
            found[-1][1].append(word)
    return iter(found)
