"""Models and results of many libraries, each made from a seed; what they keep of their making is never the same twice.

``python -m tests.values.kinds.models NAME ...`` writes the digests of those models as JSON, for a comparison between
interpreters.
"""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_expops.values.fingerprint import fingerprint

ROWS = np.random.default_rng(0).normal(size=(60, 4))
LABELS = (ROWS[:, 0] + 0.1 * ROWS[:, 1] > 0).astype(int)
TARGETS = 2 * ROWS[:, 0] + ROWS[:, 3]
SENTENCES = [
    *["the cat sat on the mat", "a dog ran over the hill", "cat and dog are friends"],
    *["birds sing in the morning sun", "the sun rises over the hill", "dogs chase cats in the sun"],
]
WORDS = [sentence.split() for sentence in SENTENCES]


def grid_search(seed: int) -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(Ridge(), {"alpha": [0.1 + seed, 1.0]}, cv=2).fit(ROWS, TARGETS)


def halving_search(seed: int) -> Any:
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (makes the next import possible)
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import HalvingGridSearchCV

    alphas = [0.1, 0.5, 1.0, 2.0 + seed]
    return HalvingGridSearchCV(Ridge(), {"alpha": alphas}, cv=2, random_state=0).fit(ROWS, TARGETS)


def cached_pipeline(seed: int) -> Any:
    import joblib
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with tempfile.TemporaryDirectory() as folder:
        memory = joblib.Memory(folder, verbose=0)
        return make_pipeline(StandardScaler(), LogisticRegression(C=1 + seed), memory=memory).fit(ROWS, LABELS)


def pipeline_with_cache_folder(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with tempfile.TemporaryDirectory() as folder:
        return make_pipeline(StandardScaler(), LogisticRegression(C=1 + seed), memory=folder).fit(ROWS, LABELS)


def stacked(seed: int) -> Any:
    from sklearn.ensemble import StackingRegressor
    from sklearn.linear_model import Lasso, Ridge

    return StackingRegressor([("ridge", Ridge(1 + seed)), ("lasso", Lasso())]).fit(ROWS, TARGETS)


def cached_function(seed: int) -> Any:
    import joblib

    with tempfile.TemporaryDirectory() as folder:
        function = joblib.Memory(folder, verbose=0).cache((json.dumps, json.loads)[seed])
        function("1")
        return function


def figure(seed: int) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure()
    left, right = made.subplots(1, 2)
    left.plot([1.0, 2.0, 3.0 + seed], label="a")
    left.legend()
    right.bar(["x", "y"], [1, 2])
    made.colorbar(left.scatter(ROWS[:5, 0], ROWS[:5, 1], c=ROWS[:5, 2]))
    FigureCanvasAgg(made).draw()
    return made


_SMALL: dict[str, Any] = {"iterations": 4, "depth": 2, "rsm": 0.5, "thread_count": 1, "verbose": False}


def catboost_regressor(seed: int) -> Any:
    import catboost

    made = catboost.CatBoostRegressor(**_SMALL, random_seed=seed, allow_writing_files=False)
    return made.fit(ROWS, TARGETS, eval_set=(ROWS[:20], TARGETS[:20]))


def catboost_classifier(seed: int) -> Any:
    import catboost
    import pandas as pd

    frame = pd.DataFrame(ROWS, columns=list("abcd")).assign(kind=["uvw"[index % 3] for index in range(len(ROWS))])
    with tempfile.TemporaryDirectory() as folder:
        made = catboost.CatBoostClassifier(**_SMALL, random_seed=seed, train_dir=folder)
        return made.fit(frame, LABELS, cat_features=["kind"])


def word_vectors(seed: int) -> Any:
    from gensim.models import Word2Vec

    return Word2Vec(WORDS * 5, vector_size=4, min_count=1, seed=seed, workers=1, epochs=1)


def topics(seed: int) -> Any:
    from gensim.corpora import Dictionary
    from gensim.models import LdaModel

    dictionary = Dictionary(WORDS)
    return LdaModel([dictionary.doc2bow(words) for words in WORDS], num_topics=2, id2word=dictionary, random_state=seed)


def exported_forest(seed: int) -> Any:
    """Exported without a name, so that one is drawn, and with two operator sets, in hash order."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(n_estimators=2, random_state=seed).fit(ROWS.astype("f4"), LABELS)
    return convert_sklearn(forest, initial_types=[("rows", FloatTensorType([None, 4]))], target_opset=15)


def study(seed: int) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    made.optimize(lambda trial: (trial.suggest_float("x", -1, 1) - 0.3) ** 2, n_trials=3)
    return made


def best_trial(seed: int) -> Any:
    return study(seed).best_trial


def summary(seed: int) -> Any:
    import statsmodels.api as sm

    return sm.OLS(TARGETS[seed:], ROWS[seed:]).fit().summary()


def second_summary(seed: int) -> Any:
    import statsmodels.api as sm

    return sm.OLS(TARGETS[seed:], ROWS[seed:]).fit().summary2()


def time_series(seed: int) -> Any:
    from statsmodels.tsa.arima.model import ARIMA

    return ARIMA(TARGETS[seed:], order=(1, 0, 0)).fit()


def inference_data(seed: int) -> Any:
    import arviz

    drawn = np.random.default_rng(seed).normal(size=(2, 5))
    return arviz.from_dict(posterior={"mu": drawn}, attrs={"sampling_time": datetime.datetime.now().timestamp()})


def inference_tree(seed: int) -> Any:
    """What ArviZ 1 and PyMC give in the place of `InferenceData`."""
    import xarray

    drawn = np.random.default_rng(seed).normal(size=(2, 5))
    now = datetime.datetime.now()
    attrs = {"created_at": now.isoformat(), "sampling_time": now.timestamp(), "inference_library": "pymc"}
    return xarray.DataTree.from_dict({"/posterior": xarray.Dataset({"mu": (("chain", "draw"), drawn)}, attrs=attrs)})


def text_categories(seed: int) -> Any:
    """A pipeline of spaCy with a trained component."""
    import spacy
    from spacy.training import Example

    spacy.util.fix_random_seed(seed)
    made = spacy.blank("en")
    small = {"@architectures": "spacy.TextCatBOW.v3", "length": 64, "ngram_size": 1}
    made.add_pipe("textcat", config={"model": {**small, "exclusive_classes": True, "no_output_layer": False}})
    cats = [{"A": float((index + seed) % 2), "B": float((index + seed + 1) % 2)} for index in range(len(SENTENCES))]
    examples = [
        Example.from_dict(made.make_doc(text), {"cats": each}) for text, each in zip(SENTENCES, cats, strict=True)
    ]
    optimizer = made.initialize(lambda: examples)
    made.update(examples, sgd=optimizer)
    return made


def network(seed: int) -> Any:
    """A model of Thinc whose weights are drawn."""
    import thinc.api

    thinc.api.fix_random_seed(seed)
    made = thinc.api.chain(thinc.api.Relu(3), thinc.api.Softmax())
    made.initialize(ROWS.astype("f4"), np.eye(2, dtype="f4")[LABELS])
    optimizer = thinc.api.Adam()
    _, backpropagate = made.begin_update(ROWS.astype("f4"))
    backpropagate(np.ones((len(ROWS), 2), "f4"))
    made.finish_update(optimizer)
    return {"model": made, "optimizer": optimizer}


def document(seed: int) -> Any:
    import spacy

    return spacy.blank("en")(SENTENCES[seed])


def token_merges(seed: int) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=60 + seed, special_tokens=["[UNK]", "[PAD]"], show_progress=False)
    made.train_from_iterator(SENTENCES, trainer)
    return made


def tokenizer_from_folder(seed: int) -> Any:
    from transformers import PreTrainedTokenizerFast

    with tempfile.TemporaryDirectory() as folder:
        PreTrainedTokenizerFast(tokenizer_object=token_merges(seed), unk_token="[UNK]").save_pretrained(folder)
        return PreTrainedTokenizerFast.from_pretrained(folder)


def language_model_from_folder(seed: int) -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    config = GPT2Config(vocab_size=20, n_embd=4, n_layer=1, n_head=1, n_positions=8)
    with tempfile.TemporaryDirectory() as folder:
        GPT2LMHeadModel(config).save_pretrained(folder)
        return GPT2LMHeadModel.from_pretrained(folder)


@dataclass(frozen=True, slots=True)
class Model:
    """How to make a model, the modules that this needs, and a place at which models of two seeds differ."""

    make: Callable[[int], Any]
    differs_at: str
    needs: tuple[str, ...]

    @property
    def missing(self) -> str:
        """The modules that are not installed."""
        return ", ".join(name for name in self.needs if importlib.util.find_spec(name) is None)


_SKLEARN, _CATBOOST, _STATSMODELS = ("sklearn",), ("catboost",), ("statsmodels",)
LIGHT = {
    each.make.__name__: each
    for each in (
        Model(grid_search, "value.cv_results_['params'][0]['alpha']", _SKLEARN),
        Model(halving_search, "value.cv_results_['params'][3]['alpha']", _SKLEARN),
        Model(cached_pipeline, "value.steps[1][1].coef_[0, 0]", _SKLEARN),
        Model(pipeline_with_cache_folder, "value.steps[1][1].coef_[0, 0]", _SKLEARN),
        Model(stacked, "value.estimators_[0].coef_[0]", _SKLEARN),
        Model(cached_function, "value.func", ("joblib",)),
        Model(figure, "value._localaxes[0]._children[0]._yorig[2]", ("matplotlib",)),
    )
}
HEAVY = {
    each.make.__name__: each
    for each in (
        Model(catboost_regressor, "value.random_seed", _CATBOOST),
        Model(catboost_classifier, "value.random_seed", _CATBOOST),
        Model(word_vectors, "value.wv.vectors[0, 0]", ("gensim",)),
        Model(topics, "value.state.sstats[0, 0]", ("gensim",)),
        Model(exported_forest, "value.graph.node[0].attribute['class_", ("skl2onnx",)),
        Model(study, "value.trials[0]._params['x']", ("optuna",)),
        Model(best_trial, "value._params['x']", ("optuna",)),
        Model(summary, "value.tables[0]['rows'][5][1]", _STATSMODELS),
        Model(second_summary, "value.tables[1]['rows'][0][0]", _STATSMODELS),
        Model(time_series, "value._results.params[0]", _STATSMODELS),
        Model(inference_data, "value.posterior['mu'][0, 0]", ("arviz",)),
        Model(inference_tree, "value['posterior'].dataset['mu'][0, 0]", ("xarray",)),
        Model(text_categories, "value._components[0][1].__getstate__()[1].layers[0]", ("spacy",)),
        Model(network, "value['model'].layers[0].params['W'][0, 0]", ("thinc",)),
        Model(document, "value.to_bytes()['text']", ("spacy",)),
        Model(token_merges, "value['model']['vocab']['birds']", ("tokenizers",)),
        Model(tokenizer_from_folder, "value._tokenizer['model']['vocab']['birds']", ("transformers",)),
        Model(language_model_from_folder, "value.transformer.wte.weight[0, 0]", ("transformers", "torch")),
    )
}
MODELS = {**LIGHT, **HEAVY}


def main(names: list[str]) -> None:
    """Write the digests of the models of that name, of seed 0."""
    for name in ("TOKENIZERS_PARALLELISM", "HF_HUB_OFFLINE"):
        os.environ[name] = {"HF_HUB_OFFLINE": "1"}.get(name, "false")
    print(json.dumps({name: _digest(MODELS[name]) for name in names}))


def _digest(model: Model) -> str:
    try:
        return fingerprint(model.make(0)).digest
    except Exception as error:
        return f"in process {os.getpid()}: {error!r}"


if __name__ == "__main__":
    main(sys.argv[1:])
