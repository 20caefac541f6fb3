"""tools/scale_sim.py: held to schedules by hand, and to formulas of queues."""

import heapq
import math
import random
import statistics

import pytest
import scale_sim as sim


def run(shards, workers=2, losses=(), **more):
    cluster = sim.Cluster((1.0,) * workers, (0.0,) * workers, **more)
    return sim.JobSimulation(shards, cluster, losses).run()


def test_equal_shards_take_as_many_rounds_as_it_needs():
    outcome = run([3.0] * 7, workers=2)
    assert (outcome.makespan, outcome.busy, outcome.runs) == (12.0, 21.0, 7)


def test_the_gap_is_between_shards_and_not_behind_the_last():
    assert run([1.0] * 4, workers=2, gap=0.5).makespan == 2.5


def test_a_schedule_is_that_of_a_plain_list():
    chance = random.Random(5)
    shards = [chance.uniform(1, 9) for _ in range(500)]
    free = [0.0] * 7
    for shard in shards:
        heapq.heappush(free, heapq.heappop(free) + shard)
    assert run(shards, workers=7).makespan == pytest.approx(max(free))


def test_a_slow_worker_takes_longer_for_each_shard():
    cluster = sim.Cluster((1.0, 3.0), (0.0, 0.0))
    assert sim.JobSimulation([1.0] * 4, cluster).run().makespan == 3.0


def test_a_lost_worker_costs_its_shard_and_the_time_until_it_is_back():
    # Worker 1 is lost in its second shard and back at 9; by then worker 0 has
    # done one more, the lost one, and is at the next.
    outcome = run([4.0] * 5, losses=[sim.Loss(5.0, 1, 4.0)])
    assert outcome.wasted == 1.0
    assert outcome.makespan == 13.0
    assert outcome.completions == [4.0, 4.0, 8.0, 12.0, 13.0]


def test_a_shard_that_is_noticed_late_is_done_late():
    late = run([4.0] * 2, losses=[sim.Loss(1.0, 1, math.inf, 20.0)])
    assert late.makespan == 21.0 + 4.0


def test_a_worker_that_is_lost_between_shards_takes_none():
    outcome = run([1.0] * 3, gap=1.0, losses=[sim.Loss(1.5, 1, math.inf)])
    assert (outcome.wasted, outcome.makespan) == (0.0, 3.0)


def test_a_job_without_workers_fails():
    losses = [sim.Loss(1.0, worker, math.inf) for worker in range(2)]
    with pytest.raises(RuntimeError, match="every worker is lost"):
        run([4.0] * 5, losses=losses)


def test_second_copies_save_what_a_slow_worker_holds_up():
    cluster = sim.Cluster((1.0, 1.0, 1.0, 50.0), (0.0,) * 4)
    shards = [1.0] * 31
    alone = sim.JobSimulation(shards, cluster).run()
    copied = sim.JobSimulation(shards, sim.Cluster(*vars(cluster).values())).run()
    assert alone.makespan == copied.makespan == 50.0
    cluster = sim.Cluster(cluster.speeds, cluster.ready, speculate=2.0)
    copied = sim.JobSimulation(shards, cluster).run()
    assert copied.makespan == 11.0
    assert copied.runs == 32
    assert copied.wasted == 11.0


def test_no_shard_is_lost_whatever_happens():
    for seed in range(60):
        chance = random.Random(seed)
        shards = [chance.expovariate(1) for _ in range(chance.randrange(1, 60))]
        workers = chance.randrange(1, 6)
        losses = [
            sim.Loss(
                chance.uniform(0, 20),
                chance.randrange(workers),
                chance.uniform(0, 5),
                chance.uniform(0, 5),
            )
            for _ in range(chance.randrange(12))
        ]
        copies = chance.choice([0, 1.5])
        outcome = run(shards, workers, losses, gap=0.1, speculate=copies)
        assert len(outcome.completions) == len(shards)
        assert outcome.busy - outcome.wasted == pytest.approx(sum(shards))


def test_a_summary_is_measured_and_predicts_itself():
    tasks = []
    for worker, start in (("a", 100.0), ("b", 102.0)):
        for i in range(5):
            at = start + 2.5 * i
            tasks.append({"start": at, "seconds": 2.0, "rows": 20, "worker": worker})
    measured = sim.measure({"tasks": tasks})
    assert (measured.row_s, measured.gap_s) == (pytest.approx(0.1), pytest.approx(0.5))
    assert measured.ready == (0.0, 2.0)
    assert sim.predict(measured).makespan == pytest.approx(measured.makespan)


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.8])
def test_waiting_is_that_of_the_formula(rho):
    """One pod, times that do not vary: M/D/1, whose mean number waiting is that of
    Pollaczek and Khinchine, rho^2 / (2 (1 - rho)). The mean of 40,000 seconds, with
    0.1 s an image, varies by some per cent."""
    load = sim.Load(((0.0, 10 * rho),), 40_000)
    seen = sim.simulate_queue(load, 0.1, 10_000, sim.Scaler(most=1))
    waiting = statistics.fmean(second.queue for second in seen)
    assert waiting == pytest.approx(rho**2 / (2 * (1 - rho)), rel=0.08)
    busy = statistics.fmean(second.busy for second in seen)
    assert busy == pytest.approx(rho, rel=0.03)
    assert seen[-1].used == pytest.approx(rho, rel=0.01)


def test_what_is_too_much_is_rejected():
    load = sim.Load(((0.0, 200.0),), 300)
    last = sim.simulate_queue(load, 0.01, 16, sim.Scaler(most=1))[-1]
    assert last.rejected / last.at == pytest.approx(100, rel=0.05)
    assert last.wait <= 17 * 0.01


def test_pods_follow_the_load_and_go_when_it_is_calm():
    scaler = sim.Scaler(interval=5, start=2, calm=60)
    load = sim.Load(((0.0, 20.0), (50.0, 250.0), (150.0, 20.0)), 400)
    seen = sim.simulate_queue(load, 0.01, 16, scaler)
    pods = {second.at: second.pods for second in seen}
    assert (pods[50], pods[400]) == (1, 1)
    assert pods[60] >= 3
    assert pods[155] >= 3
    late = [second for second in seen if 80 <= second.at < 150]
    assert late[0].rejected == late[-1].rejected


def test_the_same_seed_gives_the_same_numbers():
    load = sim.Load(((0.0, 90.0),), 60)
    first, second, third = (
        sim.simulate_queue(load, 0.012, 16, sim.Scaler(), seed) for seed in (1, 1, 2)
    )
    assert first == second != third
