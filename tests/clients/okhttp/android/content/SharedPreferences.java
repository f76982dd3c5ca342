package android.content;

/** A stand-in with what the README uses of Android's. */
public interface SharedPreferences {
    String getString(String key, String missing);

    Editor edit();

    interface Editor {
        Editor putString(String key, String value);

        boolean commit();
    }
}
