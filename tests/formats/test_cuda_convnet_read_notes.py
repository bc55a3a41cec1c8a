"""What the original parsers refuse, or ignore unsaid, and ours reads and notes."""

from __future__ import annotations

from formats.cuda_convnet_texts import CONV, DATA, END, LEARN, NORM, SPARSE, conv, read


def noted(definition: str, parameters: str | None = None) -> tuple[str, ...]:
    return read(definition, parameters).notes


def test_layers_are_put_in_order() -> None:
    found = read(DATA + END + CONV + "neuron=relu\n")
    assert [layer.name for layer in found.network] == [
        "data",
        "labels",
        "conv1",
        "conv1_neuron",
        "fc10",
        "probs",
        "logprob",
    ]
    assert any("[conv1] stands behind a layer that reads it" in note for note in found.notes)


def test_names_that_a_network_can_have_are_never_changed() -> None:
    odd = "[fc 10]\ntype=neuron\nneuron=abs\ninputs=conv1\n[fc_10]\ntype=softmax\ninputs=fc 10\n"
    network = read(conv(extra=odd)).network
    assert network["fc_10"].reads == ("fc_10_2",)


def test_names_that_a_network_cannot_have_are_changed() -> None:
    text = conv(("[conv1]", "[conv 1.a]")).replace("inputs=conv1", "inputs=conv 1.a")
    found = read(text, LEARN.replace("[conv1]", "[conv 1.a]"))
    assert found.network["fc10"].reads == ("conv_1_a",)
    assert found.rules is not None and found.rules.layers[0].layer == "conv_1_a"
    assert any("conv_1_a for 'conv 1.a'" in note for note in found.notes)


def test_unknown_keys_are_ignored_and_noted() -> None:
    notes = noted(conv(("padding=2", "padding=2\npading=3\nxyz=1")), LEARN + "[cnorm7]\nscale=1\n")
    assert (
        "the key pading is not known to cuda-convnet there and is ignored; is padding meant?: conv1"
        in notes
    )
    assert "the key xyz is not known to cuda-convnet there and is ignored: conv1" in notes
    assert "sections of the parameter file that name no layer are not used: cnorm7" in notes


def test_very_many_unknown_keys_are_counted() -> None:
    many = "\n".join(f"key{i}=1" for i in range(500))
    notes = noted(conv(("padding=2", many)))
    assert "480 more keys are ignored" in notes and len(notes) < 40


def test_keys_of_another_release_are_ignored() -> None:
    notes = noted(conv(("partialSum", "sumWidth"), ("padding=2", "padding=2\nrandSparse=0")))
    assert "the key randsparse is not known to cuda-convnet2 there and is ignored: conv1" in notes


def test_mixed_releases_are_told() -> None:
    hs = "[x]\ntype=hs\nkeep=0.5\ninputs=conv1\n"
    found = read(conv(("partialSum", "sumWidth"), extra=hs), LEARN + "[x]\nenable=1\n")
    assert found.dialect == "cuda-convnet2"
    assert any("type hs" in note for note in found.notes)


def test_a_type_of_one_release_keeps_its_keys_in_another() -> None:
    pool = "[x]\ntype=cmpool\npool=max\ninputs=conv1\nchannels=16\nsize=4\nstride=4\noutputs=4\n"
    hs = "[y]\ntype=hs\nkeep=0.5\ninputs=x\n[z]\ntype=hs\nkeep=0.5\ninputs=y\n"
    found = read(conv(extra=pool + hs), LEARN + "[y]\nenable=1\nquantF=half\n[z]\nenable=1\n")
    assert found.dialect == "2012"
    assert found.network.shape("z") == (4, 8, 8)


def test_older_names_of_keys_are_read() -> None:
    text = conv(("filters=", "numFilters="), extra=NORM.replace("size=", "sizeX="))
    notes = noted(text.replace("outputs=10", "numOutputs=10"), LEARN + "[x]\nscale=1\npow=1\n")
    assert "the key numfilters is read as filters, its later name: conv1" in notes
    assert "the key numoutputs is read as outputs, its later name: fc10" in notes
    assert "the key sizex is read as size, its later name: x" in notes


def test_python_functions_are_named_and_never_run() -> None:
    text = conv(
        ("initW=0.01", "initWFunc=os.system(reboot)\ninitBFunc=initw.makeb(conv1)\ninitB=2"),
        extra=SPARSE + "groups=2\nrandSparse=1\ninitCFunc=initw.makec(x)\n",
    )
    notes = noted(text)
    assert any(
        "initWFunc names a Python function, which is never run" in note
        and "conv1 os.system(reboot)" in note
        for note in notes
    )
    assert any("initBFunc" in note and "initw.makeb(conv1)" in note for note in notes)
    assert any("initCFunc" in note and "initw.makec(x)" in note for note in notes)
    assert "initW is missing; 0.01 is taken: conv1" in notes


def test_what_the_originals_refuse_for_their_kernels_sake_is_read() -> None:
    pool = "[x]\ntype=pool\npool=max\ninputs=conv1\nchannels=10\nsizeX=2\nstride=3\n"
    notes = noted(conv(("filters=16", "filters=10"), ("partialSum=1", "partialSum=7"), extra=pool))
    text = "\n".join(notes)
    assert "the original refuses 10 filters, no multiple of 16" in text
    assert "partialSum does not divide the layer's positions, which changes no result" in text
    assert "the original refuses a stride of 3 over windows of 2: x" in text
    assert "the original refuses an output that no layer reads: x" in text
    assert "partialSum is missing, which changes no result: conv1" in noted(
        conv(("partialSum=1\n", ""))
    )


def test_files_of_2012_without_gpus_are_read() -> None:
    hs = "[x]\ntype=hs\nkeep=0.5\ninputs=conv1\n"
    notes = noted(conv(extra=hs), LEARN + "[x]\nenable=1\n")
    assert "no layer says on which GPU it is; all are read as on one" in notes


def test_other_keys_that_change_nothing_here_are_noted() -> None:
    blocked = NORM.replace("cmrnorm", "rnorm") + "blocked=1\n"
    costs = "[y]\ntype=cost.sum2\ninputs=conv1\nchildren=logprob\n"
    notes = noted(conv(extra=blocked + costs), LEARN + "[x]\nscale=1\npow=1\n[y]\ncoeff=1\n")
    assert "blocked= says nothing of a norm inside one map: x" in notes
    assert "children= adds costs up in reports and is not carried: y" in notes
    assert "a negative initW is read without its sign: conv1" in noted(conv(("=0.01", "=-0.01")))
    rand = "[x]\ntype=pool\npool=rand\ninputs=conv1\nchannels=16\nsizeX=2\nstride=2\n"
    assert "pool=rand with doMax is read as max pooling: x" in noted(
        conv(extra=rand), LEARN + "[x]\ndoMax=1\n"
    )
