package latch.client;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;

/**
 * A folder with a file for each text, shared by the processes of one user: of an app (`context.getNoBackupFilesDir()`), or of a
 * program. Not encrypted; the folder is for its owner alone. Without java.nio.file, which Android has from 8.0 on.
 */
public final class FileTokenStore implements TokenStore {
    private static final long LOOK_AGAIN = 20; // ms
    private final File folder;

    public FileTokenStore(File folder) {
        this.folder = folder;
    }

    /** A file that was about to replace the other, and was written whole, counts where the other is not there. */
    @Override
    public String read(String name) throws IOException {
        String text = contents(new File(folder, name));
        return text == null ? contents(new File(folder, name + ".new")) : text;
    }

    @Override
    public void write(String name, String text) throws IOException {
        File file = new File(folder, name);
        File replacement = new File(folder, name + ".new");
        if (text == null) {
            delete(replacement);
            delete(file);
            return;
        }
        prepare();
        replace(replacement, text);
        if (replacement.renameTo(file)) return;
        delete(file); // Windows renames to no name that is taken
        if (!replacement.renameTo(file)) throw new IOException("cannot write " + file);
    }

    /** The lock of the operating system on a file: it goes with the process that has it, however that ends. */
    @Override
    public Closeable lock(String name, long millis) throws IOException {
        prepare();
        RandomAccessFile file = new RandomAccessFile(new File(folder, name + ".lock"), "rw");
        long deadline = System.nanoTime() + millis * 1_000_000;
        try {
            while (!isLocked(file)) {
                if (System.nanoTime() - deadline > 0) {
                    file.close();
                    return null;
                }
                Thread.sleep(LOOK_AGAIN);
            }
            return file; // closing it unlocks it
        } catch (InterruptedException interrupted) {
            file.close();
            Thread.currentThread().interrupt();
            throw new InterruptedIOException();
        } catch (IOException error) {
            file.close();
            throw error;
        }
    }

    private static boolean isLocked(RandomAccessFile file) throws IOException {
        try {
            FileLock lock = file.getChannel().tryLock();
            return lock != null;
        } catch (OverlappingFileLockException another) {
            return false; // of another client in this process
        }
    }

    private void prepare() throws IOException {
        if (folder.isDirectory()) return;
        if (!folder.mkdirs() && !folder.isDirectory()) throw new IOException("cannot make " + folder);
        restrict(folder);
        folder.setExecutable(true, true);
    }

    private static void restrict(File file) {
        file.setReadable(false, false);
        file.setWritable(false, false);
        file.setExecutable(false, false);
        file.setReadable(true, true);
        file.setWritable(true, true);
    }

    private static void replace(File file, String text) throws IOException {
        delete(file);
        try (FileOutputStream out = new FileOutputStream(file)) {
            restrict(file); // before anything is in it
            out.write(text.getBytes(StandardCharsets.UTF_8));
            out.getFD().sync();
        }
    }

    private static void delete(File file) throws IOException {
        if (!file.delete() && file.exists()) throw new IOException("cannot delete " + file);
    }

    private static String contents(File file) throws IOException {
        try (InputStream in = new FileInputStream(file)) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            byte[] part = new byte[1024];
            for (int count = in.read(part); count >= 0; count = in.read(part)) out.write(part, 0, count);
            return out.toString("UTF-8");
        } catch (FileNotFoundException none) {
            return null;
        }
    }
}
