# ruff: noqa: E501 — word lists read best with one row per meaning
"""Words and what they mean: genres, moods, tempo words, scenes, negations. Lower case; the longest phrase wins.

Weights: 10 names a genre directly, 6 is a close relative or a typical phrase, 2–4 a scene or an object that suggests it.
The words of other languages cover the common names of genres and moods.
"""

from __future__ import annotations

from dataclasses import dataclass

_GENRES: dict[str, dict[int, tuple[str, ...]]] = {
    "lofi": {
        10: ("lofi", "lo-fi", "lo fi", "lofi hip hop", "lo-fi hip hop", "lofi hip-hop", "lofi beat", "lofi beats", "chillhop", "chill hop", "study beats", "lofi girl"),
        6: ("jazzhop", "chill beat", "chill beats", "beats to study", "dusty beat", "tape hiss", "vinyl crackle"),
        3: ("rain", "raining", "rainy", "library", "bookstore", "reading", "cat", "cats", "journaling", "tea", "commute", "train ride", "anime", "exam", "exams", "focus", "concentration", "working from home", "desk", "slow morning", "sleepy afternoon", "study", "studying", "homework", "rainy day", "rainy night", "coffee shop", "café", "cafe", "chill", "chilled", "cozy", "cosy", "late night", "dusty", "bedroom", "vinyl", "reading a book", "estudiar", "lernen"),
    },
    "hiphop": {
        10: ("hip hop", "hip-hop", "hiphop", "boom bap", "boom-bap", "boombap", "rap beat", "rap", "old school rap", "90s hip hop", "east coast", "ヒップホップ", "嘻哈", "хип-хоп"),
        6: ("golden age", "freestyle beat", "turntable", "mpc", "sampled beat", "g-funk", "west coast"),
        3: ("city streets", "brooklyn", "subway", "boxing", "sneakers", "hustle", "block party", "graffiti", "breakdance", "cypher", "street", "skateboard", "basketball", "90s", "1990s", "nineties", "mc", "mcs", "rapper", "verses", "rhymes", "boombox", "turntables"),
    },
    "trap": {
        10: ("trap", "trap beat", "drill", "uk drill", "phonk", "trap soul", "mumble rap"),
        6: ("808s", "hi-hat rolls", "hat rolls", "southern rap", "atlanta"),
        3: ("gold chains", "lambo", "street racing", "boss walking in", "gangster", "flex", "luxury car", "counting money", "cash", "jewelry", "bling", "bodyguards"),
    },
    "house": {
        10: ("house", "deep house", "tech house", "progressive house", "future house", "tropical house", "piano house", "house music", "ハウス"),
        6: ("club", "four on the floor", "four-on-the-floor", "edm", "electro house", "dance track", "dance music", "electronic dance"),
        3: ("club night", "beach club", "pool", "sunset party", "after party", "afterparty", "cocktails", "champagne", "catwalk", "dancing", "party", "dancefloor", "dance floor", "pool party", "ibiza", "rooftop", "nightclub", "dj", "runway", "fashion show", "fiesta", "tanzen", "dance", "danceable"),
    },
    "techno": {
        10: ("techno", "minimal techno", "acid techno", "hard techno", "detroit techno", "industrial techno", "テクノ", "техно"),
        6: ("rave", "warehouse", "berghain", "industrial", "acid"),
        3: ("underground", "basement club", "4am", "3am", "dystopian", "assembly line", "conveyor", "cyborg", "circuit", "berlin", "strobe", "machine", "machines", "robot", "robots", "factory", "server room", "data center", "hypnotic"),
    },
    "trance": {
        10: ("trance", "psytrance", "uplifting trance", "goa trance", "eurodance", "hardstyle", "hands up", "big room", "festival edm"),
        6: ("supersaw", "euphoric", "festival anthem", "edm anthem"),
        3: ("marathon", "running", "jogging", "sprint", "hiit", "euphoria", "fireworks", "hands in the air", "festival", "lasers", "sunrise set", "gym", "workout", "cardio", "spinning class", "fitness", "running playlist"),
    },
    "dnb": {
        10: ("drum and bass", "drum & bass", "drum n bass", "drum'n'bass", "drum 'n' bass", "dnb", "d&b", "d'n'b", "jungle", "liquid dnb", "neurofunk", "breakcore", "breakbeat"),
        6: ("amen break", "reese", "liquid", "footwork"),
        3: ("skydiving", "snowboarding", "rollercoaster", "roller coaster", "urban pursuit", "getaway", "car chase", "chase", "racing game", "race", "racing", "parkour", "adrenaline", "high speed"),
    },
    "dubstep": {
        10: ("dubstep", "dub step", "brostep", "riddim", "future bass", "bass music"),
        6: ("wobble bass", "wobble", "bass drop", "heavy drop", "wub"),
        3: ("mech", "giant robots", "explosion", "explosions", "stunt", "montage", "transformers"),
    },
    "synthwave": {
        10: ("synthwave", "synth wave", "retrowave", "outrun", "vaporwave", "darksynth", "80s synth", "80s electronic", "synthpop", "synth pop", "italo disco", "new wave"),
        6: ("80s", "1980s", "1985", "1984", "1986", "eighties", "retro synth", "neon", "miami", "cyberpunk", "años 80"),
        3: ("city lights", "hacker", "hacking", "laser", "neon city", "night city", "vhs", "delorean", "cyber city", "palm trees at sunset", "time travel", "retro", "night drive", "driving at night", "midnight", "arcade", "sunset drive", "futuristic", "sci-fi", "science fiction", "stranger things", "blade runner", "nostalgic synth", "highway"),
    },
    "ambient": {
        10: ("ambient", "drone", "soundscape", "new age", "atmospheric drone", "dark ambient", "アンビエント", "эмбиент"),
        6: ("meditation", "meditative", "spa", "yoga", "sleep", "sleeping", "mindfulness", "floating", "ethereal", "weightless", "healing", "schlaf", "entspannung", "méditation", "meditación", "sound bath", "no beat", "beatless"),
        3: ("rainforest", "waves", "sky", "clouds", "temple", "zen", "monk", "monks", "waterfall", "whale", "whales", "arctic", "winter", "snowfall", "moon", "moonlight", "void", "deep sea", "infinite", "drifting", "stillness", "hospital", "morning dew", "sound of silence", "desert night", "cave", "lake at dawn", "float", "incense", "space", "stars", "galaxy", "cosmos", "cosmic", "ocean", "underwater", "nebula", "calm water", "mist", "fog", "breathing", "dream", "dreamy", "dreams", "relaxing", "relax", "relaxation", "massage", "night sky", "aurora", "northern lights", "polar lights", "glacier", "spacious", "planetarium", "bedtime"),
    },
    "cinematic": {
        10: ("haunted house", "cinematic", "trailer", "epic", "movie trailer", "film score", "epic orchestral", "orchestral battle", "hybrid orchestral", "soundtrack", "epische", "épico", "épica", "épique", "epico"),
        6: ("battle", "war", "heroic", "hero", "blockbuster", "boss fight", "boss battle", "dramatic", "schlacht", "batalla", "score for a film", "movie", "film", "filmmusik", "cinematográfica", "hans zimmer"),
        3: ("pirate", "pirates", "desert", "escape", "mission", "alien", "aliens", "invasion", "spaceship", "battlefield", "samurai", "ancient", "ruins", "egypt", "pyramids", "rome", "roman", "titan", "titans", "legend", "legends", "myth", "mythical", "crime", "investigation", "courtroom", "nightmare", "halloween", "vampire", "witch", "witches", "murder", "psychological", "rocket", "astronaut", "mars", "king", "empire", "emperor", "sword", "swords", "showdown", "countdown", "bomb", "sniper", "heist", "ghosts", "zombies", "giant", "giants", "mountain climb", "expedition", "charge", "cavalry", "last stand", "monsters", "dungeon", "evil wizard", "serial killer", "submarine", "earthquake", "tornado", "volcano", "dragon", "dragons", "knight", "knights", "kingdom", "castle", "viking", "vikings", "army", "triumph", "victory", "suspense", "thriller", "horror", "haunted", "tension", "villain", "monster", "fantasy", "adventure", "explorers", "apocalypse", "storm", "quest", "throne", "warrior", "documentary", "zombie", "heist", "detective", "spy", "ghost", "mystery", "chase scene", "title sequence", "gladiator", "superhero"),
    },
    "orchestral": {
        10: ("opera house", "orchestral", "orchestra", "symphony", "symphonic", "philharmonic", "classical", "klassik", "classique", "clásica", "classica", "baroque", "romantic era", "concerto", "waltz", "walzer", "valse", "string quartet", "chamber music", "streichquartett", "クラシック", "古典", "классика", "ballet", "opera"),
        6: ("mozart", "beethoven", "vivaldi", "bach", "tchaikovsky", "haydn", "overture", "minuet", "fugue", "strings only", "nutcracker", "fairy tale", "fairytale", "chamber", "string trio"),
        3: ("circus", "victorian", "waltzing", "masquerade", "ice skating", "garden party", "tea party", "fairies", "fairy", "queen", "duchess", "palace ball", "snowflakes", "santa", "sleigh", "nutcracker ballet", "clockwork", "silent film", "aristocrat", "ballroom", "palace", "elegant", "royal", "christmas", "snow", "magical", "wizard", "gala", "museum", "wedding march", "majestic", "violinist", "cellist", "conductor", "harpist", "organist", "enchanted", "princess", "regal", "coronation"),
    },
    "piano": {
        10: ("solo piano", "piano solo", "classical piano", "piano sonata", "nocturne", "piano piece", "neoclassical", "neo-classical", "piano ballade", "klavierstück", "piano étude", "etude", "just piano", "only piano", "piano music", "piano instrumental"),
        6: ("chopin", "satie", "debussy", "einaudi", "moonlight sonata", "impromptu", "gymnopédie", "prelude", "felt piano", "liszt", "rachmaninoff", "nils frahm"),
        3: ("empty room", "old letter", "rain on the window", "rain on a window", "lonely evening", "candle and piano", "attic", "melancholic piano", "quiet piano", "emotional piano", "lonely piano", "grand piano", "sad piano", "delicate piano", "pianist", "concert hall", "recital"),
    },
    "jazz": {
        10: ("jazz", "swing", "bebop", "be-bop", "hard bop", "big band", "cool jazz", "smooth jazz", "jazz trio", "jazz quartet", "dixieland", "gypsy jazz", "jazz ballad", "ジャズ", "爵士", "джаз", "재즈"),
        6: ("coffee house", "walking bass", "ride cymbal", "saxophone quartet", "coltrane", "miles davis", "bill evans", "swinging", "ragtime", "speakeasy", "brushes"),
        3: ("bar", "casino", "vegas", "las vegas", "paris", "rooftop bar", "saxophonist", "detective office", "gentleman", "prohibition", "big city night", "cocktail", "noir", "new york", "smoky", "basement bar", "martini", "1920s", "1930s", "1940s", "1950s", "private eye", "lounge", "hotel lobby", "dinner party", "fedora", "tap dance", "tap dancer", "tuxedo", "flapper", "trumpeter", "twenties", "thirties", "forties", "fifties"),
    },
    "bossa": {
        10: ("bossa nova", "bossa", "bossanova", "samba", "brazilian", "mpb", "brasileira", "ボサノバ", "босса-нова"),
        6: ("jobim", "rio de janeiro", "ipanema", "nylon guitar", "elevator music", "brasil", "brazil"),
        3: ("terrace", "sangria", "sunset on the beach", "cappuccino", "riviera", "yacht", "spa lobby", "resort", "beach bar", "lounge music", "seaside", "summer breeze", "hammock", "copacabana", "sugarloaf", "elevator", "waiting room", "brunch"),
    },
    "latin": {
        10: ("latin", "salsa", "mambo", "cha cha", "cha-cha", "cumbia", "merengue", "son cubano", "latin jazz", "reggaeton", "bachata", "tango", "rumba", "mariachi", "ラテン", "latino", "latina", "flamenco"),
        6: ("cuban", "havana", "congas", "timbales", "montuno", "mexican", "spanish", "buenos aires"),
        3: ("bullfight", "matador", "seville", "andalusia", "arena in seville", "sombrero", "rumba dancer", "dancers in the street", "barrio", "caliente", "wrestler", "carnival", "street festival", "tropical", "taco", "tequila", "ballroom latin", "cuba", "mexico"),
    },
    "funk": {
        10: ("funk", "funky", "p-funk", "jazz funk", "funk band", "ファンク"),
        6: ("slap bass", "groovy", "clavinet", "wah", "wah-wah", "james brown", "70s groove", "1970s", "70s", "seventies", "get down"),
        3: ("strutting", "barbecue", "bbq", "bowling", "roller", "street dance", "basketball court", "pimp", "sunglasses", "groove", "strut", "blaxploitation", "cop show", "swagger"),
    },
    "disco": {
        10: ("disco", "nu disco", "nu-disco", "french house", "disco funk", "ディスコ"),
        6: ("saturday night fever", "studio 54", "mirror ball", "disco ball", "roller disco", "70s dance"),
        3: ("disco party", "70s party", "mirrorball", "saturday night", "roller skating", "roller rink", "glitter", "sequins", "bell bottoms"),
    },
    "soul": {
        10: ("soul", "r&b", "rnb", "r and b", "rhythm and blues", "neo soul", "neo-soul", "motown", "gospel", "soulful", "ソウル"),
        6: ("smooth r&b", "slow jam", "d'angelo", "stax", "aretha", "quiet storm"),
        3: ("candle", "date night", "slow dance", "wine", "red wine", "bubble bath", "tender evening", "choir in church", "praise", "sensual", "seductive", "bedroom music", "candlelight", "sunday morning", "church", "romantic evening", "velvet", "1960s", "60s", "sixties"),
    },
    "blues": {
        10: ("blues", "12-bar", "12 bar blues", "twelve bar", "delta blues", "chicago blues", "blues rock", "boogie", "boogie-woogie", "boogie woogie", "shuffle blues", "ブルース"),
        6: ("b.b. king", "muddy waters", "slide guitar", "juke joint", "roadhouse", "rockabilly"),
        3: ("whisky", "whiskey", "baby left me", "woke up this morning", "broken heart", "railroad", "prison", "crossroads", "lonesome", "hangover", "down and out", "rusty", "bourbon", "dive bar", "mississippi", "smoky bar", "heartache", "bayou", "swamp"),
    },
    "rock": {
        10: ("rock", "classic rock", "hard rock", "indie rock", "alternative rock", "garage rock", "grunge", "punk", "punk rock", "pop punk", "stadium rock", "surf rock", "rock and roll", "rock'n'roll", "rock n roll", "post-rock", "ロック", "摇滚", "рок", "록", "britpop", "shoegaze", "emo"),
        6: ("electric guitars", "guitar riff", "guitar riffs", "power chords", "overdriven", "distorted guitar", "garage band", "led zeppelin", "ac/dc", "guitar anthem"),
        3: ("freedom", "garage", "skatepark", "concert", "crowd", "muscle car", "highway", "biker", "rodeo clown", "kick off", "team", "boxer", "revolution", "open road", "engine", "drag race", "motorcycle", "stadium", "rebel", "rebellious", "teenage", "skate", "arena", "sports highlight", "football", "truck commercial", "leather jacket", "extreme sports"),
    },
    "metal": {
        10: ("metal", "heavy metal", "death metal", "thrash", "thrash metal", "metalcore", "black metal", "doom metal", "power metal", "djent", "hardcore", "メタル", "метал"),
        6: ("double bass drums", "double kick", "blast beat", "blast beats", "shredding", "metallica", "iron maiden", "mosh", "doom slayer"),
        3: ("war machine", "monster truck", "inferno", "skull", "skulls", "blood", "destruction", "slaughter", "berserk", "demonic", "ragnarok", "demon", "demons", "hell", "brutal", "rage", "furious", "satan", "chainsaw", "violent", "headbanging"),
    },
    "folk": {
        10: ("folk", "singer-songwriter", "singer songwriter", "indie folk", "celtic", "irish", "scottish", "bluegrass folk", "americana", "medieval", "volksmusik", "sea shanty", "shanty", "jig", "reel", "fingerpicking", "fingerpicked", "フォーク", "фолк"),
        6: ("tree house", "campfire", "acoustic", "unplugged", "classical guitar", "acoustic guitar", "fingerstyle", "mandolin", "ukulele", "tin whistle", "fiddle", "tavern", "bard", "renaissance", "minstrel"),
        3: ("lake", "fishing", "sea", "ship", "sailing", "shepherd", "highlands", "fields", "trees", "autumn", "leaves", "old oak", "fireplace", "fire", "wanderer", "wandering", "walking", "bicycle", "stream", "valley", "birds", "sheep", "kayak", "tent", "camping", "elves", "inn", "market", "ireland", "scotland", "grandfather", "grandmother", "porch", "forest", "woods", "mountain", "mountains", "cabin", "river", "countryside", "meadow", "hiking", "hike", "autumn leaves", "village", "travel vlog", "handmade", "picnic", "garden", "farmers market", "pub", "nature", "spring morning", "hobbit", "harvest", "sailors", "sailor"),
    },
    "country": {
        10: ("country", "country music", "country rock", "nashville", "bluegrass", "honky tonk", "honky-tonk", "western swing", "country western", "hillbilly", "カントリー"),
        6: ("banjo", "pedal steel", "johnny cash", "texas", "tennessee", "hoedown", "line dance", "barn dance", "square dance"),
        3: ("truck", "boots", "whiskey and trucks", "harvest", "tractor", "cattle", "canyon", "sheriff", "stagecoach", "gold rush", "texas", "western", "fiddle contest", "cowboy", "cowboys", "ranch", "pickup truck", "dirt road", "rodeo", "farm", "wild west", "saloon", "horse", "horses", "dusty road", "tumbleweed", "prairie", "barn"),
    },
    "reggae": {
        10: ("reggae", "dub", "ska", "roots reggae", "dancehall", "rocksteady", "one drop", "レゲエ", "регги"),
        6: ("jamaica", "jamaican", "bob marley", "offbeat skank", "skank", "rasta", "kingston"),
        3: ("vacation", "holiday island", "coconut", "coconuts", "hammocks", "tropical island", "snorkeling", "surfing", "sunbathing", "chill beach", "island", "caribbean", "palm trees", "rum", "laid back beach", "beach", "surf", "sunny island"),
    },
    "pop": {
        10: ("pop", "pop song", "dance pop", "electropop", "indie pop", "k-pop", "kpop", "j-pop", "jpop", "teen pop", "bubblegum pop", "hyperpop", "ポップ", "流行", "поп", "팝", "afrobeats", "afrobeat", "commercial jingle", "jingle"),
        6: ("radio hit", "chart", "catchy", "corporate", "advert", "advertisement", "commercial", "upbeat background", "taylor swift", "feel good", "feel-good", "summer hit"),
        3: ("school", "friends", "shopping", "tutorial", "app", "tech", "news", "morning routine", "travel", "fashion", "playground", "toys", "family", "dog", "kitten", "kittens", "office", "teamwork", "success", "smile", "flowers", "spring", "sunday brunch", "new product", "charity", "wedding party", "holiday", "breakfast", "baking", "makeover", "summer", "sunshine", "road trip", "happy", "cheerful", "vlog", "presentation", "explainer", "startup", "product launch", "kids", "children", "birthday", "cooking show", "unboxing", "podcast intro", "youtube", "sunny", "motivational", "inspiring", "celebration", "wholesome", "puppy", "puppies", "graduation"),
    },
    "ballad": {
        10: ("ballad", "power ballad", "pop ballad", "love song", "piano ballad", "rock ballad", "ballade", "balada", "ballata", "баллада", "バラード", "발라드", "lullaby", "wiegenlied", "berceuse", "nana"),
        6: ("love", "romantic", "heartbreak", "tearjerker", "wedding", "first dance", "romantisch", "romántico", "romantique", "slow song", "breakup", "liebeslied", "amor", "amour"),
        3: ("tribute", "first kiss", "valentine", "letter to", "miss you", "reunion", "lost love", "mourning", "father and daughter", "hospital bed", "lullabies", "cradle", "falling asleep child", "tender", "emotional", "tears", "missing you", "goodbye", "farewell", "memories", "funeral", "proposal", "anniversary", "heartfelt", "mother", "newborn", "baby", "crying", "grief", "memorial"),
    },
    "chiptune": {
        10: ("chiptune", "chip tune", "8-bit", "8 bit", "8bit", "16-bit", "16 bit", "nes", "game boy", "gameboy", "video game", "videogame", "video game music", "retro game", "snes", "c64", "commodore", "チップチューン", "8ビット"),
        6: ("pixel", "pixel art", "platformer", "arcade game", "nintendo", "bleeps", "mario", "sega", "tetris"),
        3: ("space invaders", "boss level", "pixels", "retro console", "cartridge", "coins", "joystick", "side scroller", "speedrun", "game", "level", "gamer", "gaming", "dungeon crawler", "power-up", "high score", "jump and run"),
    },
}  # fmt: skip

GENRE_WORDS: dict[str, tuple[str, int]] = {
    word: (genre, weight) for genre, rows in _GENRES.items() for weight, words in rows.items() for word in words
}
"""Phrase → (genre, weight)."""

DEFAULT_GENRE = "pop"
"""What is made when a prompt says nothing about a style."""


@dataclass(frozen=True, slots=True)
class Mood:
    """What a mood asks of the music: `mode` "major", "minor" or "", shifts of energy (−0.5…0.5) and tempo (−2…2)."""

    mode: str = ""
    energy: float = 0.0
    tempo: float = 0.0


MOODS: dict[str, Mood] = {
    "happy": Mood("major", 0.10, 0.4),
    "sad": Mood("minor", -0.18, -0.8),
    "calm": Mood("", -0.22, -0.7),
    "dark": Mood("minor", 0.0, -0.1),
    "epic": Mood("minor", 0.22, 0.3),
    "energetic": Mood("", 0.22, 0.8),
    "romantic": Mood("major", -0.10, -0.5),
    "dreamy": Mood("", -0.14, -0.4),
    "melancholic": Mood("minor", -0.12, -0.5),
    "angry": Mood("minor", 0.24, 0.7),
    "tense": Mood("minor", 0.08, 0.2),
    "mysterious": Mood("minor", -0.10, -0.2),
    "hopeful": Mood("major", 0.06, 0.0),
    "triumphant": Mood("major", 0.22, 0.2),
    "playful": Mood("major", 0.06, 0.5),
    "nostalgic": Mood("", -0.06, -0.2),
    "groovy": Mood("", 0.06, 0.0),
    "intense": Mood("", 0.22, 0.3),
}
"""Moods by name."""

_MOOD_WORDS: dict[str, tuple[str, ...]] = {
    "happy": ("happy", "cheerful", "joyful", "uplifting", "sunny", "bright", "upbeat", "feel-good", "feel good", "fröhlich", "fröhliche", "fröhlicher", "feliz", "alegre", "joyeux", "joyeuse", "felice", "allegro", "радостная", "веселая", "весёлая", "楽しい", "快乐", "merry", "jolly", "positive", "optimistic", "celebratory", "celebration", "행복한"),
    "sad": ("sad", "sorrow", "sorrowful", "heartbroken", "heartbreaking", "heartbreak", "mournful", "tragic", "lonely", "crying", "grief", "traurig", "traurige", "trauriges", "triste", "тристе", "грустная", "грустный", "悲しい", "悲伤", "슬픈", "depressing", "funeral", "gloomy", "tearful", "tears"),
    "calm": ("calm", "peaceful", "relaxed", "relaxing", "gentle", "soft", "quiet", "soothing", "serene", "tranquil", "mellow", "chill", "laid back", "laid-back", "easygoing", "ruhig", "ruhige", "ruhiger", "entspannt", "tranquilo", "tranquila", "calme", "calmo", "спокойная", "спокойный", "静かな", "平静", "sleepy", "delicate", "lullaby", "subtle", "intimate", "잔잔한", "relajante", "relaxant"),
    "dark": ("dark", "sinister", "evil", "ominous", "creepy", "scary", "horror", "haunted", "spooky", "grim", "düster", "düstere", "dunkel", "oscuro", "oscura", "sombre", "oscuro", "тёмная", "темная", "暗い", "黑暗", "gothic", "eerie", "menacing", "noir"),
    "epic": ("epic", "heroic", "grand", "massive", "monumental", "episch", "epische", "épico", "épica", "épique", "эпическая", "壮大な", "史诗", "majestic", "battle", "war"),
    "energetic": ("energetic", "driving", "powerful", "high energy", "high-energy", "pumping", "hype", "workout", "exciting", "lively", "vigorous", "energisch", "treibend", "enérgico", "enérgica", "énergique", "энергичная", "激しい", "dynamic", "adrenaline", "banging", "hard-hitting", "fiery"),
    "romantic": ("romantic", "romance", "love", "loving", "tender", "sensual", "romantisch", "romantische", "romántico", "romántica", "romantique", "романтичная", "ロマンチック", "passionate", "wedding", "sexy"),
    "dreamy": ("dreamy", "dreamlike", "ethereal", "floating", "hazy", "airy", "verträumt", "soñador", "rêveur", "cosmic", "spacey", "celestial", "otherworldly", "hypnotic", "psychedelic"),
    "melancholic": ("melancholic", "melancholy", "bittersweet", "wistful", "moody", "pensive", "melancholisch", "melancólico", "melancólica", "mélancolique", "malinconico", "меланхоличная", "longing", "yearning", "reflective", "introspective", "rainy", "emotional", "somber"),
    "angry": ("angry", "aggressive", "furious", "rage", "brutal", "violent", "wütend", "aggressiv", "agresivo", "агрессивная", "raging", "vicious", "savage"),
    "tense": ("tense", "tension", "suspense", "suspenseful", "nervous", "anxious", "thriller", "urgent", "spannend", "suspenso", "paranoid", "edgy", "chase"),
    "mysterious": ("mysterious", "mystery", "mystical", "enigmatic", "secret", "geheimnisvoll", "misterioso", "mystérieux", "magical", "enchanted", "arcane", "detective", "spy"),
    "hopeful": ("hopeful", "hope", "inspiring", "inspirational", "motivational", "warm", "heartwarming", "hoffnungsvoll", "esperanza", "encouraging", "tender hope", "wholesome", "sunrise"),
    "triumphant": ("triumphant", "triumph", "victorious", "victory", "glorious", "anthemic", "anthem", "triumphal", "winning", "siegreich", "proud", "fanfare"),
    "playful": ("playful", "funny", "quirky", "cute", "silly", "comedic", "whimsical", "bouncy", "cartoon", "kids", "children", "verspielt", "lustig", "divertido", "mischievous", "goofy", "comedy"),
    "nostalgic": ("nostalgic", "nostalgia", "retro", "vintage", "old-fashioned", "memories", "nostalgisch", "nostálgico", "nostalgique", "old school", "childhood"),
    "groovy": ("groovy", "funky", "smooth", "sultry", "swagger", "cool", "laidback groove", "slick"),
    "intense": ("intense", "relentless", "thundering", "explosive", "ferocious", "dramatic", "overwhelming", "dramatisch", "dramático", "dramatique", "fierce"),
}  # fmt: skip

MOOD_WORDS: dict[str, str] = {word: mood for mood, words in _MOOD_WORDS.items() for word in words}
"""Phrase → mood."""

TEMPO_WORDS: dict[str, float] = {
    "very slow": -2.0, "extremely slow": -2.0, "really slow": -2.0, "slow": -1.3, "slowly": -1.3, "slower": -1.0, "slow-paced": -1.3, "slow paced": -1.3, "downtempo": -1.3,
    "medium tempo": 0.0, "mid-tempo": 0.0, "mid tempo": 0.0, "moderate": 0.0, "moderate tempo": 0.0, "medium": 0.0,
    "fast": 1.3, "faster": 1.0, "quick": 1.2, "uptempo": 1.2, "up-tempo": 1.2, "up tempo": 1.2, "upbeat": 0.6, "very fast": 2.0, "really fast": 2.0, "fast-paced": 1.3, "fast paced": 1.3, "rapid": 1.5, "speedy": 1.4, "frantic": 1.8,
    "langsam": -1.3, "langsame": -1.3, "langsames": -1.3, "schnell": 1.3, "schnelle": 1.3, "schneller": 1.3, "lento": -1.3, "lenta": -1.3, "rápido": 1.3, "rápida": 1.3, "lent": -1.3, "lente": -1.3, "rapide": 1.3, "veloce": 1.3, "медленная": -1.3, "медленный": -1.3, "быстрая": 1.3, "быстрый": 1.3, "遅い": -1.3, "速い": 1.3, "慢": -1.3, "快": 1.3, "느린": -1.3, "빠른": 1.3,
}  # fmt: skip
"""Tempo words: −2 (well below the genre's range) … 2 (well above it)."""

TEMPO_MARKINGS: dict[str, int] = {
    "grave": 40, "largo": 50, "larghetto": 62, "adagio": 70, "adagietto": 72, "andante": 84, "andantino": 92, "moderato": 110, "allegretto": 116, "allegro": 132, "vivace": 162, "presto": 180, "prestissimo": 200,
}  # fmt: skip
"""Italian markings as beats a minute (the middle of the usual metronome ranges)."""

ENERGY_WORDS: dict[str, float] = {
    "minimal": -0.15, "minimalist": -0.15, "sparse": -0.18, "simple": -0.08, "stripped down": -0.18, "stripped-down": -0.18, "stripped back": -0.18, "soft": -0.12, "light": -0.06, "quiet": -0.18, "low energy": -0.25, "background": -0.08, "understated": -0.12,
    "loud": 0.15, "big": 0.12, "huge": 0.18, "full": 0.08, "lush": 0.06, "heavy": 0.15, "hard": 0.12, "high energy": 0.22, "high-energy": 0.22, "massive": 0.2, "powerful": 0.15, "dense": 0.1, "wild": 0.15, "crazy": 0.15, "anthem": 0.12,
}  # fmt: skip
"""Words that move the energy without naming a mood."""

NEGATIONS: frozenset[str] = frozenset(
    {"no", "without", "minus", "sans", "ohne", "kein", "keine", "keinen", "sin", "senza", "sem", "zero", "not", "exclude", "excluding", "except", "anything but", "everything but", "all but", "never", "nicht", "isn't", "pas", "pas de", "pas du", "pas des", "aucun", "aucune", "nessun", "nessuna", "ningún", "ninguna", "nenhum", "nenhuma", "zonder", "geen", "utan", "uden", "bez", "don't use", "do not use", "don't want", "do not want", "don't want to hear", "do not want to hear", "don't add", "do not add", "don't include", "do not include", "don't need", "do not need", "don't make it", "do not make it", "doesn't need", "does not need", "without any", "leave out", "leaving out", "left out", "omit", "omitting", "avoid", "avoiding", "skip", "skipping", "remove", "free of", "lacking", "без", "無し"}
)  # fmt: skip
"""Words that turn the noun after them into something unwanted."""

ABSENT_WORDS: dict[str, str] = {
    "drumless": "drums", "beatless": "drums", "no beat": "drums", "no beats": "drums", "without a beat": "drums", "no percussion": "drums", "no rhythm section": "drums", "bassless": "bass", "no low end": "bass", "no melody": "melody", "without melody": "melody", "no lead": "melody", "backing track": "melody", "no chords": "chords", "ohne melodie": "melody", "sans mélodie": "melody", "sin melodía": "melody", "senza melodia": "melody", "ohne schlagzeug": "drums", "sans batterie": "drums", "sin batería": "drums",
}  # fmt: skip
"""Phrases that leave a whole role out."""

ENSEMBLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "string quartet": (("violin", "viola", "cello", "strings"), ("drums", "bass")),
    "streichquartett": (("violin", "viola", "cello", "strings"), ("drums", "bass")),
    "jazz trio": (("piano", "upright bass", "drums"), ()),
    "piano trio": (("piano", "upright bass", "drums"), ()),
    "organ trio": (("organ", "jazz guitar", "drums"), ()),
    "jazz quartet": (("tenor saxophone", "piano", "upright bass", "drums"), ()),
    "saxophone quartet": (("alto saxophone", "tenor saxophone"), ("drums",)),
    "power trio": (("overdriven guitar", "picked bass", "drums"), ()),
    "big band": (("brass", "tenor saxophone", "piano", "upright bass", "drums"), ()),
    "rock band": (("overdriven guitar", "picked bass", "drums"), ()),
    "brass band": (("brass", "trumpet", "trombone", "drums"), ()),
}
"""Named line-ups: the instruments that play (others stay out), and the roles that are left out."""

CURVES: dict[str, str] = {
    "builds up": "build", "build up": "build", "building up": "build", "builds": "build", "building": "build", "crescendo": "build", "growing": "build", "grows": "build", "slowly building": "build", "starts quiet": "build", "starts soft": "build", "starts slow": "build", "rising": "build", "gets louder": "build", "big finish": "build", "climax": "build", "grand finale": "build",
    "fades": "fade", "fading": "fade", "fade out": "fade", "dies away": "fade", "decrescendo": "fade", "diminuendo": "fade", "winds down": "fade", "calms down": "fade",
}  # fmt: skip
"""How the energy is asked to move over the whole song."""

SOLO_WORDS: frozenset[str] = frozenset(
    {"solo", "just", "only", "unaccompanied", "lone", "nur", "seul", "seulement", "solamente", "sólo"}
)
"""Words that, beside one instrument, leave every other one out."""

NOT_INSTRUMENTS: tuple[str, ...] = (
    "drum and bass", "drum & bass", "drum n bass", "drum'n'bass", "drum 'n' bass", "bass music", "bass drop", "future bass", "double bass drums", "guitar hero", "steel drum and bass", "jingle bells", "trap drums", "car horn", "rock and roll piano bar", "drum'n bass",
)  # fmt: skip
"""Phrases that only look like instruments."""

VOICE_WORDS: tuple[str, ...] = (
    "vocals", "vocal", "singer", "singing", "sung", "lyrics", "female voice", "male voice", "rapper", "rapping", "gesang", "sängerin", "voz", "cantante", "chanteuse", "歌声", "вокал",
)  # fmt: skip
"""Words that ask for a voice, which the composer does not have."""

INSTRUMENT_GENRES: dict[str, tuple[tuple[str, int], ...]] = {
    "piano": (("piano", 3),),
    "electric piano": (("soul", 4), ("lofi", 3)),
    "honky-tonk piano": (("country", 4), ("blues", 3)),
    "harpsichord": (("orchestral", 6),),
    "clavinet": (("funk", 5),),
    "celesta": (("orchestral", 4),),
    "glockenspiel": (("orchestral", 3), ("pop", 2)),
    "music box": (("ballad", 5),),
    "vibraphone": (("jazz", 4),),
    "marimba": (("latin", 2), ("pop", 3)),
    "organ": (("soul", 3), ("blues", 2)),
    "church organ": (("orchestral", 6),),
    "accordion": (("folk", 4), ("latin", 2)),
    "harmonica": (("blues", 5), ("folk", 3)),
    "bandoneon": (("latin", 6),),
    "nylon guitar": (("bossa", 4), ("latin", 3)),
    "acoustic guitar": (("folk", 5),),
    "guitar": (("folk", 3), ("rock", 2)),
    "jazz guitar": (("jazz", 5),),
    "electric guitar": (("rock", 5),),
    "overdriven guitar": (("rock", 6),),
    "distorted guitar": (("rock", 5), ("metal", 4)),
    "muted guitar": (("funk", 4),),
    "slap bass": (("funk", 6),),
    "upright bass": (("jazz", 4),),
    "synth bass": (("synthwave", 3), ("house", 2)),
    "violin": (("orchestral", 4),),
    "viola": (("orchestral", 4),),
    "cello": (("orchestral", 4),),
    "double bass": (("orchestral", 3),),
    "strings": (("orchestral", 4), ("cinematic", 2)),
    "pizzicato strings": (("orchestral", 5),),
    "harp": (("orchestral", 4),),
    "timpani": (("cinematic", 4), ("orchestral", 3)),
    "choir": (("cinematic", 4),),
    "trumpet": (("jazz", 3), ("latin", 2)),
    "muted trumpet": (("jazz", 5),),
    "trombone": (("jazz", 3),),
    "french horn": (("cinematic", 4), ("orchestral", 3)),
    "brass": (("funk", 3),),
    "saxophone": (("jazz", 4),),
    "soprano saxophone": (("jazz", 4),),
    "alto saxophone": (("jazz", 4),),
    "tenor saxophone": (("jazz", 5),),
    "oboe": (("orchestral", 5),),
    "clarinet": (("orchestral", 4), ("jazz", 3)),
    "bassoon": (("orchestral", 5),),
    "flute": (("orchestral", 3), ("folk", 2)),
    "recorder": (("folk", 4),),
    "pan flute": (("folk", 4), ("ambient", 3)),
    "shakuhachi": (("ambient", 5),),
    "whistle": (("folk", 4),),
    "ocarina": (("folk", 3), ("chiptune", 2)),
    "synth lead": (("trance", 3), ("synthwave", 3)),
    "square lead": (("chiptune", 5),),
    "synth": (("synthwave", 4),),
    "pad": (("ambient", 4),),
    "sitar": (("ambient", 4),),
    "banjo": (("country", 5),),
    "koto": (("ambient", 4),),
    "shamisen": (("folk", 3),),
    "kalimba": (("ambient", 3), ("lofi", 2)),
    "bagpipes": (("folk", 5),),
    "fiddle": (("folk", 4), ("country", 3)),
    "steel drums": (("reggae", 5),),
    "808": (("trap", 5),),
    "brushes": (("jazz", 4),),
    "congas": (("latin", 5),),
    "bongos": (("latin", 5),),
    "claves": (("latin", 4),),
}
"""Styles that an instrument suggests when no style is named."""

MOOD_GENRES: dict[str, str] = {
    "happy": "pop",
    "sad": "ballad",
    "calm": "ambient",
    "dark": "cinematic",
    "epic": "cinematic",
    "energetic": "house",
    "romantic": "ballad",
    "dreamy": "ambient",
    "melancholic": "piano",
    "angry": "metal",
    "tense": "cinematic",
    "mysterious": "cinematic",
    "hopeful": "pop",
    "triumphant": "cinematic",
    "playful": "chiptune",
    "nostalgic": "lofi",
    "groovy": "funk",
    "intense": "cinematic",
}
"""The style that suits a mood when nothing else is said."""
