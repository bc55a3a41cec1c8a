"""The learning-rate schedules of the 2012 run notes, step by step: data, and nothing else.

A step names the epoch at which it was made; `notebook.rate_at` replays them.
"""

from __future__ import annotations

from alexnet.network.notebook.rows import Formula, Schedule, Step, usual

NONE, CONV1, CONV1_AND_2 = (), ("conv1",), ("conv1", "conv2")

SCHEDULES: tuple[Schedule, ...] = (
    Schedule("inet-5layer-conv94-2gpu", usual(CONV1_AND_2, 13, 46, 55, 62, 84), 90),
    Schedule("96-16k", (Step(5, 0.001), Step(6, None, note="dropout on")), None),
    Schedule("98-16kinit (start .001 implied)", usual(CONV1_AND_2, 0, 30, 44, 51, 64), 71),
    Schedule("100", usual(NONE, 15), 43, "killed"),
    Schedule("2009-101", usual(CONV1_AND_2, 6, 14, 19, 27, 30), 33),
    Schedule("106, first run", usual(NONE, 22), 31, "killed"),
    Schedule("106a", usual(NONE, 21), None),
    Schedule("106b", usual(CONV1_AND_2, 23, 46, 61, 72, 79), 93),
    Schedule(
        "109", (Step(17, 0.001), Step(26, None, note="dropout on third fc pair")), 27, "killed"
    ),
    Schedule("110", usual(CONV1_AND_2, 19, 46, 67, 66), 75, "killed"),
    Schedule("111", usual(NONE, 19), 42),
    Schedule("112", usual(CONV1_AND_2, 22, 46, 66, 71, 79), 90),
    Schedule("114", usual(NONE, 20), 40, "killed"),
    Schedule("115-jpeg", usual(NONE, 22, 48), 58, "killed"),
    Schedule("118", usual(CONV1_AND_2, 23, 46, 65, 75, 84), 98),
    Schedule("120", usual(CONV1_AND_2, 26, 47, 66, 72, 82), 106),
    Schedule("120-2012", usual(CONV1_AND_2, 22, 49, 66, 73, 81), 95),
    Schedule("120-2012-full", usual(CONV1_AND_2, 23, 49, 66, 73, 87), 94),
    Schedule(
        "120-4gpu",
        (),
        56,
        "killed",
        "overfits; a script stops its stages at 22, 49, 66 (then noise 0), 73, 81, 95",
    ),
    Schedule("121", usual(CONV1_AND_2, 25, 51, 63, 76, 90), None),
    Schedule("126-2012-full", (), 19, "killed"),
    Schedule("127 (second run)", usual(NONE, 21), 36, "killed"),
    Schedule("128", usual(NONE, 25), None, "on hold"),
    Schedule("129", usual(NONE, 22), None, "lost"),
    Schedule("130", usual(NONE, 22, 46), 62, "killed"),
    Schedule("131", usual(CONV1_AND_2, 22, 46, 66, 75, 81), 100),
    Schedule("131-2009", usual(CONV1_AND_2, 7, 14, 20, 24, 31), 36),
    Schedule("132 (full, by mistake)", usual(NONE, 20, 44), None),
    Schedule(
        "132, restart",
        (
            Step(23, 0.001),
            Step(40, 0.0001, note="noted as 4x"),
            Step(65, 1e-05, CONV1_AND_2, noise=0.0),
            Step(71, 0.0, CONV1_AND_2),
        ),
        88,
        "killed",
    ),
    Schedule("133", usual(NONE, 21, 48), 50, "killed"),
    Schedule("134", (), 13, "on hold"),
    Schedule("135 (2012)", usual(CONV1_AND_2, 20, 47, 66, 75, 81), 96),
    Schedule(
        "135-2009 (batches 1 to 8800)",
        usual(CONV1_AND_2, 4.7822, 8.1299, 10.3697, 11.4731, 14.3906),
        17,
    ),
    Schedule("135-2009-2012 (init 135-2009, start .001)", usual(NONE, 0, 22), 23, "on hold"),
    Schedule("136 (scalar mean)", (), 15),
    Schedule("137 on 2010", usual(CONV1_AND_2, 25, 49, 81, 85, 85), 103),
    Schedule(
        "137 on 2012",
        (Step(26, 0.001), Step(50, 0.0001), Step(75, 0.0, CONV1_AND_2, noise=0.0), Step(84, 1e-05)),
        99,
    ),
    Schedule(
        "137 on 2012, side branch",
        (
            Step(92, 0.0001, note="brightness noise .2"),
            Step(101, None, note="brightness noise off"),
            Step(105, 1e-05),
        ),
        None,
        "failed",
    ),
    Schedule("137, batch 128 x 8", usual(NONE, 25), 34, "killed"),
    Schedule("137-tree", usual(NONE, 14), 38, "killed"),
    Schedule("139", usual(NONE, 19, 49), 62, "killed"),
    Schedule("141 (2012)", usual(NONE, 23, 48), 60, "killed"),
    Schedule("141-2009 (init 141, start .001)", usual(NONE, 0, 4.1189), 5.1596),
    Schedule("141 back on 2012 (start .001)", usual(CONV1_AND_2, 0, 13, 26, 32, 43), 54),
    Schedule("141 then 2010 (start .001)", usual(CONV1_AND_2, 0, 14, 30, 36, 47), 54),
    Schedule(
        "141-2009-half", usual(CONV1_AND_2, 6.26, 13.3361, 18.2396, 21.1949, 25.3718), 28.3271
    ),
    Schedule(
        "141-2009-half, restart",
        (Step(28.3271, 0.001, noise=0.1), Step(44.183, 0.0001)),
        56,
        "getting worse",
    ),
    Schedule("145 (2012)", usual(CONV1, 25, 51, 67, 72, 79), 91),
    Schedule(
        "145 second anneal",
        (
            Step(0, 0.001, noise=0.1, note="from its start"),
            Step(0, 0.0, CONV1),
            Step(107, 0.0001),
            Step(124, 1e-05, noise=0.0),
        ),
        135,
    ),
    Schedule("145 on 2012-full", usual(NONE, 19, 47), 61, "moved"),
    Schedule("145-2010", usual(CONV1, 23, 51, 68, 72, 78), 93),
    Schedule("145-half (2010)", usual(CONV1, 20, 48, 66, 72), 96),
    Schedule(
        "146-2009 (init 145; start .001 conv1-5, .01 fc and conv6)",
        (
            Step(0, 0.001, ("conv1", "conv2", "conv3", "conv4", "conv5")),
            Step(0, 0.01, ("conv6", "fc")),
            Step(2.16, 0.001, ("conv6", "fc")),
        ),
        6.6491,
    ),
    Schedule("146-2009-tree", usual(NONE, 9), None),
    Schedule(
        "146-2011 (init 2009-10k conv; start .001 conv, .01 fc)",
        (Step(0, 0.001, ("conv",)), Step(0, 0.01, ("fc",)), Step(6, 0.001)),
        8.11295,
    ),
    Schedule(
        "146-2012-2009 (start .001, c1 .0001)",
        (
            Step(0, 0.001),
            Step(0, 0.0001, CONV1),
            Step(3, 1e-05, CONV1),
            Step(4, 0.0, CONV1),
            Step(22, 0.0001),
            Step(38, None, noise=0.0),
            Step(42, 1e-05),
        ),
        52,
    ),
    Schedule(
        "146-2012-2011 (start .001, c1 .0001)",
        (
            Step(0, 0.001),
            Step(0, 0.0001, CONV1),
            Step(0, 0.01, ("fc1000",), note="after 300 batches"),
            Step(5, 1e-05, CONV1),
            Step(7, 0.0, CONV1),
            Step(9, 0.001, ("fc1000",)),
            Step(22, 0.0001),
            Step(38, None, noise=0.0),
            Step(42, 1e-05),
        ),
        54,
    ),
    Schedule("147", (Step(23, 0.001), Step(51, 0.0001), Step(79, 1e-05), Step(79, 0.0, CONV1)), 90),
    Schedule("148", usual(CONV1, 22, 44, 69, 73, 86), 97),
    Schedule("149", usual(CONV1, 21, 54, 66), None),
    Schedule("150", usual(CONV1, 25, 49, 66, 72, 79), 92),
    Schedule("flickr-102", usual(CONV1_AND_2, 0, 85, 108, 120, 136), 162),
    Schedule("flickr-102-inet-init", (Step(59, 0.0001),), 78, "killed"),
    Schedule(
        "flickr-105",
        (Step(15, 0.001, note="weight decay .0005 from .00005"), Step(93, 0.0001)),
        None,
    ),
    Schedule(
        "170-4gpu",
        (
            Step(5, 0.02, note="minibatch 256"),
            Step(7, 0.003),
            Step(35, 0.0005),
            Step(49, 8e-05, CONV1, noise=0.0),
            Step(52, 8e-05),
            Step(52, 0.0, CONV1),
        ),
        63,
        "killed",
        "35 to 55 was redone once",
    ),
)
"""Runs whose rates were lowered by hand, in the order of the notes."""

FORMULAS: tuple[Formula, ...] = (
    Formula("153", "linear", 1000, None, 0.01, (), None, None, note="killed at 18"),
    Formula("154", "exp", 1000, None, 0.01, (), None, None, note="data corrupted, resumed from 10"),
    Formula("155", "exp", 4000, None, 0.02, (), 61, 74),
    Formula("156", "exp", 2000, None, 0.02, (), 61, 72),
    Formula("157", "exp", 8000, None, 0.04, (), 62, 73),
    Formula("158", "exp", 20000, None, 0.04, (), 63, 77),
    Formula("160", "dexp", 2000, 4, 0.02, (0.02, 0.001587, 0.000126, 1e-05), 61, None),
    Formula(
        "161", "jdexp", 1000, 4, 0.01, (0.01, 0.001, 0.0001, 1e-05), None, None, note="not run"
    ),
    Formula("162", "dexp", 1000, 3, 0.01, (0.01, 0.0003162, 1e-05), 61, None),
    Formula("163", "dexp", 1000, 4, 0.01, (0.01, 0.001, 0.0001, 1e-05), 61, 73),
    Formula("165", "dexp", 500, 4, 0.01, (0.01, 0.00126, 0.0001587, 2e-05), 63, 78),
    Formula("166", "dexp", 1000, 4, 0.01, (0.01, 0.001, 0.0001, 1e-05), 64, 73),
    Formula("167", "dexp", 1000, 4, 0.01, (0.01, 0.001, 0.0001, 1e-05), 63, 73),
    Formula(
        "169", "dexp", 500, 4, 0.01, (0.01, 0.00126, 0.0001587, 2e-05), 60, 73, note="95 epochs"
    ),
    Formula("169, 80 epochs", "dexp", 500, 4, 0.01, (0.01, 0.00126, 0.0001587, 2e-05), 53, 74),
    Formula("170", "dexp", 250, 4, 0.01, (0.01, 0.001587, 0.000252, 4e-05), 68, 74),
    Formula("170 fade 5 %", "dexp", 250, 4, 0.01, (0.01, 0.001587, 0.000252, 4e-05), 61, 76),
    Formula("170 fade 15 %", "dexp", 250, 4, 0.01, (0.01, 0.001587, 0.000252, 4e-05), 68, 74),
    Formula("170-256", "dexp", 250, 4, 0.01, (0.01, 0.001587, 0.000252, 4e-05), None, None),
    Formula("170-256-double", "dexp", 250, 4, 0.02, (0.02, 0.003175, 0.000504, 8e-05), 61, 73),
    Formula(
        "170-256-0.015",
        "dexp",
        250,
        4,
        0.015,
        (0.015, 0.002381, 0.000378, 6e-05),
        None,
        None,
        note="killed at 25",
    ),
    Formula("170-quant", "dexp", 250, 4, 0.01, (0.01, 0.001587, 0.000252, 4e-05), 68, 74),
    Formula("171", "dexp", 500, 5, 0.01, (0.01, 0.002115, 0.0004472, 9.457e-05, 2e-05), 60, 72),
    Formula("172", "jdexp", 1000, 4, 0.01, (0.01, 0.001, 0.0001, 1e-05), 60, 76, note="killed 84"),
    Formula("174", "jdexp", 500, 4, 0.01, (0.01, 0.00126, 0.0001587, 2e-05), 62, 74),
    Formula("175", "dexp", 125, 4, 0.01, (0.01, 0.002, 0.0004, 8e-05), 60, 75, then=(91, 250)),
    Formula("177", "dexp", 250, 4, 0.01, (0.01, 0.001587, 0.000252, 4e-05), 60, 73),
    Formula(
        "178", "dexp", 250, 4, 0.01, (0.01, 0.001587, 0.000252, 4e-05), 68, 75, note="restart 60"
    ),
    Formula("180", "jdexp", 250, 4, 0.01, (0.01, 0.001587, 0.000252, 4e-05), None, None),
    Formula(
        "184-4gpu, 184-26epc (base .02), 183 likewise",
        "dexp",
        250,
        4,
        0.02,
        (0.02, 0.003175, 0.000504, 8e-05),
        None,
        None,
    ),
)
"""Runs driven by a formula, in the order of the notes."""
