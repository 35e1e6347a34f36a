"""Two stations in a ring with think time, simulated by Ciw: a line with the throughput per population."""

try:
    import ciw
except ImportError:
    print("no ciw")
    raise SystemExit

TIME, WARM_UP = 6000.0, 500.0


def throughput(clients, think, seed):
    """Station 1: everybody thinks. 2: two servers of 0.8 s. 3: one server of 0.3 s."""
    # A burst fills the closed network at once; nobody comes or goes after it.
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([1e-9, float("inf")]), None, None],
        batching_distributions=[ciw.dists.Deterministic(clients), None, None],
        service_distributions=[
            ciw.dists.Exponential(1 / think),
            ciw.dists.Exponential(1 / 0.8),
            ciw.dists.Exponential(1 / 0.3),
        ],
        routing=[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]],
        number_of_servers=[float("inf"), 2, 1],
    )
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(TIME)
    done = [
        record
        for record in simulation.get_all_records()
        if record.node == 3 and record.service_end_date > WARM_UP
    ]
    return len(done) / (TIME - WARM_UP)


for clients, think in [(4, 2.0), (10, 2.0)]:
    print(sum(throughput(clients, think, seed) for seed in (1, 2)) / 2)
