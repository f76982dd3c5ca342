package latch.client;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The little JSON (RFC 8259) that Latch speaks. Strict: what is not JSON to the last character is junk, and junk changes nothing.
 *
 * <p>Its own, because org.json is part of Android and not of the JDK, and an app should not get a library for seven fields.
 */
final class Json {
    private static final int DEEPEST = 32;
    // Not \d: on Android that is every digit of Unicode.
    private static final Pattern NUMBER = Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** The object that the text is; null where it is none. Numbers are Long if they are whole, else Double. */
    static Map<String, Object> object(String text) {
        try {
            Json json = new Json(text);
            Object value = json.value(0);
            return json.at == text.length() ? fields(value) : null;
        } catch (Junk junk) {
            return null;
        }
    }

    /** The value as an object; null where it is none. */
    @SuppressWarnings("unchecked")
    static Map<String, Object> fields(Object value) {
        return value instanceof Map ? (Map<String, Object>) value : null;
    }

    /** A text, or null where the field is none. */
    static String text(Map<String, Object> fields, String name) {
        Object value = fields.get(name);
        return value instanceof String ? (String) value : null;
    }

    /** A whole number of 0 and more, or -1 where the field is none. */
    static long whole(Map<String, Object> fields, String name) {
        Object value = fields.get(name);
        return value instanceof Long && (Long) value >= 0 ? (Long) value : -1;
    }

    /** An object of texts and numbers. */
    static String write(Map<String, ?> fields) {
        StringBuilder out = new StringBuilder("{");
        for (Map.Entry<String, ?> field : fields.entrySet()) {
            out.append(out.length() > 1 ? "," : "");
            quote(field.getKey(), out);
            out.append(':');
            if (field.getValue() instanceof Number) {
                out.append(field.getValue());
            } else {
                quote((String) field.getValue(), out);
            }
        }
        return out.append('}').toString();
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < ' ') {
                out.append("\\u00").append(c < 16 ? "0" : "").append(Integer.toHexString(c));
            } else {
                out.append(c == '"' || c == '\\' ? "\\" : "").append(c);
            }
        }
        out.append('"');
    }

    private static final class Junk extends Exception {
        private static final long serialVersionUID = 1;
    }

    private Object value(int depth) throws Junk {
        if (depth > DEEPEST) throw new Junk();
        blanks();
        Object value = bare(depth);
        blanks();
        return value;
    }

    private Object bare(int depth) throws Junk {
        switch (peek()) {
            case '{': return map(depth);
            case '[': return list(depth);
            case '"': return string();
            case 't': return word("true", Boolean.TRUE);
            case 'f': return word("false", Boolean.FALSE);
            case 'n': return word("null", null);
            default: return number();
        }
    }

    private Map<String, Object> map(int depth) throws Junk {
        Map<String, Object> map = new LinkedHashMap<String, Object>();
        at++;
        blanks();
        if (skip('}')) return map;
        do {
            blanks();
            if (peek() != '"') throw new Junk();
            String name = string();
            blanks();
            if (!skip(':')) throw new Junk();
            map.put(name, value(depth + 1));
        } while (skip(','));
        if (!skip('}')) throw new Junk();
        return map;
    }

    private List<Object> list(int depth) throws Junk {
        List<Object> list = new ArrayList<Object>();
        at++;
        blanks();
        if (skip(']')) return list;
        do {
            list.add(value(depth + 1));
        } while (skip(','));
        if (!skip(']')) throw new Junk();
        return list;
    }

    private String string() throws Junk {
        StringBuilder out = new StringBuilder();
        at++;
        while (!skip('"')) {
            char c = next();
            if (c < ' ') throw new Junk();
            out.append(c == '\\' ? escaped(next()) : c);
        }
        return out.toString();
    }

    private char escaped(char c) throws Junk {
        switch (c) {
            case '"': case '\\': case '/': return c;
            case 'b': return '\b';
            case 'f': return '\f';
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'u': return (char) (hex(next()) << 12 | hex(next()) << 8 | hex(next()) << 4 | hex(next()));
            default: throw new Junk();
        }
    }

    private static int hex(char c) throws Junk {
        int digit = "0123456789abcdef".indexOf(c >= 'A' && c <= 'F' ? (char) (c + 32) : c);
        if (digit < 0) throw new Junk();
        return digit;
    }

    private Object number() throws Junk {
        int from = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) at++;
        String digits = text.substring(from, at);
        if (!NUMBER.matcher(digits).matches()) throw new Junk();
        try {
            return Long.valueOf(digits);
        } catch (NumberFormatException notWhole) {
            return Double.valueOf(digits);
        }
    }

    private Object word(String word, Object value) throws Junk {
        if (!text.startsWith(word, at)) throw new Junk();
        at += word.length();
        return value;
    }

    private void blanks() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
    }

    private boolean skip(char c) throws Junk {
        boolean found = peek() == c;
        at += found ? 1 : 0;
        return found;
    }

    private char next() throws Junk {
        char c = peek();
        at++;
        return c;
    }

    private char peek() throws Junk {
        if (at >= text.length()) throw new Junk();
        return text.charAt(at);
    }
}
