import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The server of the lab in Java: the same wire, a thread for each connection.
 *
 * <p>{@code java Server.java <p> <demand in ms> <monitor|reentrant>}: the serial part in a
 * {@code synchronized} block, or under a {@code ReentrantLock}.
 */
public class Server {
    static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    static final com.sun.management.OperatingSystemMXBean PROCESS =
            (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    static final Object MONITOR = new Object();
    static final ReentrantLock LOCK = new ReentrantLock();
    static final AtomicLong requests = new AtomicLong(), held = new AtomicLong(), acquired = new AtomicLong();
    static volatile long sink;

    public static void main(String[] words) throws Exception {
        double p = Double.parseDouble(words[0]), demandNs = Double.parseDouble(words[1]) * 1e6;
        boolean monitor = words[2].equals("monitor");
        daemon(() -> {
            while (System.in.read(new byte[64]) > 0) {}
            Runtime.getRuntime().halt(0);
        });
        try (ServerSocket listener = new ServerSocket(0, 128, InetAddress.getLoopbackAddress())) {
            System.out.println("listening on 127.0.0.1:" + listener.getLocalPort());
            for (int number = 0; ; number++) {
                Socket stream = listener.accept();
                stream.setTcpNoDelay(true);
                SplittableRandom dice = new SplittableRandom(number);
                daemon(() -> attend(stream, dice, p, demandNs, monitor));
            }
        }
    }

    static void attend(Socket stream, SplittableRandom dice, double p, double demandNs, boolean monitor)
            throws Exception {
        try (stream) {
            InputStream in = stream.getInputStream();
            OutputStream out = stream.getOutputStream();
            for (int asked; (asked = in.read()) >= 0; ) {
                if (asked == 't') {
                    String line = clock() + " " + PROCESS.getProcessCpuTime() + " " + requests + " " + held
                            + " " + acquired + " 0 0\n";
                    out.write(line.getBytes());
                    continue;
                }
                double serial = -Math.log(1 - dice.nextDouble()) * demandNs * (1 - p);
                double parallel = -Math.log(1 - dice.nextDouble()) * demandNs * p;
                if (monitor) {
                    synchronized (MONITOR) {
                        section(serial);
                    }
                } else {
                    LOCK.lock();
                    try {
                        section(serial);
                    } finally {
                        LOCK.unlock();
                    }
                }
                burn(parallel);
                requests.incrementAndGet();
                out.write('r');
            }
        }
    }

    static void section(double ns) {
        held.addAndGet(burn(ns));
        acquired.incrementAndGet();
    }

    /** Uses so much CPU time of this thread; says how much it was. */
    static long burn(double ns) {
        long start = THREADS.getCurrentThreadCpuTime(), value = start;
        while (true) {
            for (int turn = 0; turn < 10_000; turn++) value = value * 6364136223846793005L + 1;
            sink = value;
            long used = THREADS.getCurrentThreadCpuTime() - start;
            if (used >= ns) return used;
        }
    }

    /** HotSpot's nanoTime is the machine's monotonic clock on Linux. */
    static long clock() {
        return System.nanoTime();
    }

    interface Work {
        void run() throws Exception;
    }

    static void daemon(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Exception gone) {
                // The client left.
            }
        });
        thread.setDaemon(true);
        thread.start();
    }
}
