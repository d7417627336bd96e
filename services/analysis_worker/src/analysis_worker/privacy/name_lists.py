"""Words that names are told by, and words that are none. The lists are the project's own.

First names are frequent ones of many countries; they settle doubtful cases, and most names are found without them.
"""

from __future__ import annotations

from typing import Final


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


FIRST_NAMES: Final = _words(
    """
    aaron abdul abigail abraham ada adam adele adrian agnes ahmed aisha alan alejandro alex alexander alexandra alexis
    alfred ali alice alison allen amanda amber amelia amina amir amy ana andrea andreas andrew andy angela angelina anita
    ann anna anne anthony antonio arjun arthur ashley astrid audrey barbara beatrice ben benjamin bernard beth betty
    beverly bjorn bob bonnie boris brad bradley brandon brenda brian bridget bruce bruno bryan camille carl carla
    carlos carmen carol caroline carolyn catherine cecilia charles charlie charlotte chen cheryl chiara chloe chris
    christian christina christine christopher cindy claire clara claudia colin connor craig cristina curtis cynthia
    daisy dan daniel daniela david dawn deborah denise dennis derek diana diane diego dmitri dolores dominic donald
    donna doris dorothy douglas duncan dylan earl eddie edgar edith edmund eduardo edward edwin eileen elaine eleanor
    elena eli elias elijah elisabeth elizabeth ellen elsa emil emily emma enrique eric erik erika erin ernest esther ethan
    eugene eva evan evelyn fatima felix fernando fiona florence frances francesca francisco franklin fred frederick
    gabriel gabriela gareth gary gemma geoffrey george gerald geraldine gerard giovanni giulia gladys gloria gordon
    graham greg gregory greta guillermo gustav guy hannah hans harold harriet harry hassan hazel heather hector heidi helen
    helena henri henry herbert hilda howard hugh hugo ian ibrahim ida igor ines ingrid irene irina iris isaac isabel
    isabella ivan jack jacob jacqueline jaime jake james jamie jan jane janet janice jasmine jason javier jean
    jeffrey jennifer jenny jeremy jerome jerry jesse jessica jesus jill jim jimmy joan joanna joanne joe joel johan john
    johnny jonathan jordan jorge jose josef joseph joshua joyce juan juanita judith judy julia julian julie juliet june
    justin kareem karen karim karl kate katherine kathleen kathryn katie keith kelly kenneth kevin khalid kim kimberly
    kiran klaus krishna kristen kristin kurt kyle lars larry laura lauren laurence layla lea leah leo leon leonard leslie
    lewis liam lillian linda lisa logan lois loretta lori lorraine louis louise lucas lucia lucy luigi luis luke lydia
    lynn mabel madison maggie mahmoud malcolm manuel marc marcel marco marcus margaret maria marie marilyn mario marion
    marjorie marta martha martin marvin mary mateo matthew maureen maurice max maya megan mehmet mei melanie melissa
    melvin michael michel michelle miguel mikhail mildred milton miriam mohamed mohammad mohammed molly monica
    monique morgan muhammad murray nadia nancy naomi natalie natasha nathan neil nicholas nick nicolas nicole nigel
    nikolai nina noah noel nora norma norman nuria oleg oliver olivia olga omar oscar otto owen pablo paige pamela patricia
    patrick paul paula pauline pedro peggy penelope peter petra philip philippe phillip phyllis pierre priya rachel
    rafael rahul raj ralph ramon rashid raul ravi raymond rebecca regina reginald rene rhonda ricardo richard rita
    robert roberta roberto robin rodney rodrigo roger roland ronald ronnie rosa rosemary ruben rudolf russell ruth ryan
    sabrina sally salma samantha samir samuel sandra sanjay santiago sara sarah saul scott sean sebastian sergei sergio
    seth shannon sharon shaun sheila shelly sheryl shirley sidney sigrid silvia simon simone sofia sonia sophia sophie
    stacy stanley stefan stella stephanie stephen steve steven stewart stuart susan susanne suzanne sven sylvia tamara
    tanya tara tatiana ted teresa terrence terry theodore theresa thomas tiffany tim timothy tina todd tom tommy tony
    tracy trevor tyler ursula valentina valerie vanessa vera veronica vicki victor victoria vincent viola virginia vivian
    vladimir walter wanda warren wayne wendy werner wesley wilhelm william willie xavier yasmin yolanda yuki yusuf
    yvonne zachary zoe
    """
)
#: Before a name, with or without a full stop.
TITLES: Final = _words(
    """
    mr mrs ms miss mx dr prof professor sir madam dame lord lady rev reverend father sister brother rabbi imam
    vice-president senator congressman congresswoman representative governor mayor president secretary chancellor minister judge justice
    general colonel major captain lieutenant sergeant officer ambassador councillor councilman councilwoman doctor
    speaker chairman chairwoman chair moderator host sheriff detective inspector premier pope bishop saint
    herr frau monsieur madame mademoiselle señor señora signor signora don doña king queen prince princess uncle aunt
    """
)
#: Between the words of a name.
PARTICLES: Final = _words(
    "de da do dos das del della di du van von der den ter la le el al bin ibn ben abu y e zu"
)
#: Written with a capital, and nobody's name.
PLACES_AND_THINGS: Final = _words(
    """
    january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday christmas easter thanksgiving ramadan hanukkah halloween
    america american americans usa u.s us uk eu england english britain british scotland scottish wales welsh ireland
    irish france french germany german germans spain spanish italy italian portugal portuguese netherlands dutch belgium
    belgian switzerland swiss austria austrian sweden swedish norway norwegian denmark danish finland finnish
    iceland poland polish czech slovakia hungary hungarian romania romanian bulgaria greece greek turkey turkish russia
    russian russians soviet ukraine ukrainian china chinese japan japanese korea korean koreans vietnam vietnamese thailand
    india indian pakistan pakistani bangladesh iran iranian iraq iraqi israel israeli palestine palestinian syria syrian
    lebanon jordan egypt egyptian libya algeria morocco tunisia nigeria kenya ghana ethiopia sudan somalia congo rwanda
    africa african europe european europeans asia asian australia australian zealand canada canadian mexico mexican
    cuba cuban brazil brazilian argentina chile peru colombia venezuela bolivia haiti panama nicaragua guatemala
    salvador honduras afghanistan saudi arabia arab arabs kuwait qatar yemen taiwan singapore malaysia indonesia
    philippines estonia latvia lithuania serbia croatia bosnia kosovo slovenia albania cyprus malta luxembourg
    alabama alaska arizona arkansas california colorado connecticut delaware florida hawaii idaho illinois indiana iowa
    kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana nebraska
    nevada hampshire jersey york carolina dakota ohio oklahoma oregon pennsylvania tennessee texas texan utah vermont
    wisconsin wyoming washington london paris berlin rome madrid moscow beijing tokyo brussels vienna amsterdam
    chicago boston philadelphia dallas houston atlanta miami denver seattle detroit cleveland angeles francisco diego
    vegas orleans baltimore pittsburgh columbus phoenix hollywood manhattan brooklyn harlem bronx dublin oslo stockholm
    copenhagen helsinki warsaw prague budapest athens istanbul jerusalem baghdad tehran kabul delhi mumbai shanghai hong
    kong sydney melbourne toronto montreal havana
    north south east west northern southern eastern western midwest atlantic pacific mediterranean caribbean gulf
    congress congressional senate house representatives supreme court constitution amendment federal reserve treasury
    pentagon capitol white parliament commons lords bundestag commission union nations united states state republic
    republican republicans democrat democrats democratic gop labour conservative conservatives liberal liberals tory
    tories party greens communist communists communism socialist marxist nazi nazis fascist islamic islam muslim
    muslims christian christians christianity catholic catholics protestant jewish jews judaism hindu buddhist god
    bible quran church lord medicare medicaid obamacare social security nato un opec cia fbi nsa irs epa nafta who wto imf
    internet google facebook twitter amazon apple microsoft youtube instagram tiktok netflix wikipedia openai
    university college school institute academy hospital bank company corporation inc ltd llc department ministry
    office agency administration committee council association society foundation press times post news street avenue
    road act bill deal war world olympic olympics nobel grand new great big old first second third fourth star
    english-speaking african-american hispanic latino latinos hispanics native black white blacks whites brown gay
    mr mrs ms dr monday's america's i i'm i've i'd i'll ok okay yes no thank thanks hello hi dear tv cd dvd pm am bc ad
    afro-american mom dad grandma grandpa mother father phd ceo cfo cto covid aids hiv dna hr it ai
    """
)
#: Frequent words that start sentences, and are not in the lexicons of the engine.
COMMON: Final = _words(
    """
    according across act add address age agree allow although answer anyway apply april area article ask attention author
    available average bad ball bank based basic begin believe bit blue board body book born break bring brother build
    building business buy buyer car card care cat cause central century chair chance change check child children choose
    city class clear close cold college common community company concert condition consider contact continue control cost
    could country course court cover create credit current customer daily data date daughter deal dear decide define
    design despite detail different difficult dinner director discuss doctor document dog double drive driver during early
    easy eat economic economy education effect either electric email employee end engineer enjoy enter especially even
    evening event everyone example except excuse expect experience explain eye fact family famous father feel field figure
    file fill film final finally fine fire flight follow following food former four free friend from front full fund
    further game gas general girl global government group grow guess guest guide guy hair half hand happen hard
    head health hear heart help high history hold holiday home hope hospital hotel hour hours however human hundred husband
    idea image imagine immediately important include income indeed industry information inside interest invite issue item
    job join journey judge keep key kid kids kind kitchen lady land language large late later law lawyer lead
    leader learn leave left legal letter level library life light line list listen live local location log lose loss love
    low lunch machine mail main major make manager mark market marriage married material matter meanwhile measure media
    meet meeting member message method middle military mind minute miss model modern moment month morning mostly mother
    mountain move movie music musician name national nature near necessary need network news nice night nobody normal
    note notice now number object offer office officer old online open operation opinion orchestra order original
    otherwise owner page paper parent park part partner party pass passenger patient pay payment people percent
    perhaps period person phone photo pick picture piece place plan plant play player please police policy political
    poor position possible power prepare present press pretty price private probably problem process produce product
    professor program project property protect prove provide public pull purchase put question quick quite radio rate read
    reader ready real reason receive recent record red region regular related remember rent repeat report request research
    rest result return review rich ride road rock role room rule sad safe sale same save school science sea season seat
    section security sell send senior serious service session set seven several shall share ship shop short show sign
    silver simple single sir sister site situation six size small social society software sometimes son song soon sound
    source space speak special sport spring staff stage stand start state statement station stay step still stop store
    story street strong student study style subject success suddenly summer sun support surely system table task tax tea
    teach teacher team technology ten test therefore thousand thus ticket today together tomorrow tonight total touch
    toward town track trade traffic train training transfer travel treat tree trial trip trouble trust turn type uncle
    understand unfortunately union unit unless update user usual usually value various version via video view visit visitor
    abstract account accountant acting action adult adventure advice afternoon agreement agriculture aid air airline airport
    album alert analyst animal animation anniversary annual apartment application appointment architect argument army arrest
    arrival arrow art article artist aspect assistant athlete atmosphere attack attempt attorney aunt authority autumn award
    bag baker ballot band bar bath battery battle bay beach bed beer bell belt bench bicycle bike bill billing biology bird
    birthday blood boat bomb bone border boss bot bottle bottom bowl box boy brain branch brand bread breakfast breath bridge
    brief broadcast brush budget bug bulletin burden bus butter button cabinet cable cake camera camp campaign cancer candidate
    capital captain career carrier carpenter cartoon castle category ceiling cell champion channel chapter character charge
    charity chart chef chemistry chest chicken chief choice cigarette circle citizen citizenship civil claim classic climate clinic
    clock clothes cloud club coach coal coast coat code coffee coin collection comedy command comment commerce communication
    competition complaint computer conclusion conference conflict congratulations construction consumer content contest context
    contract contrast conversation cook copy corner correct council counter county couple courage cousin cow cream crew crime
    crisis critic crop cross crowd culture cup curriculum curtain cycle dairy dance danger dark database deadline death debate
    debt decade decision defense deficit degree delay delegate delivery demand democracy dentist deposit depression depth
    deputy description desert desk dessert development device diet digital discipline discount disease dish disk distance
    district division doll dollar donation door draft drama drawing dream dress drink drug dust duty ear earth ecology edge
    edition editor editorial effort egg elderly election electricity element elementary elephant email emergency emotion empire
    employer employment energy engine entertainment entrance entry environment episode equipment error escape essay estate
    ethics exam exchange exchange executive exercise exhibition exit expert export express extension extra fabric factor factory
    faculty failure faith fall farm farmer fashion fax fee feedback female fence festival fiction fight finance finger
    fish flag floor flour flower focus folder folk foot football force forecast forest form formal formula fortune
    forum frame freedom fruit fuel function funeral furniture fuse galaxy gallery garage garden gate gear generation gift glass
    goal gold golf governance grade graduate grain grant graph grass ground growth guard guardian guilty guitar gun gym habit
    hall ham harbor harvest hat heaven height hell hero highway hip hill hit hobby hole honey honor horizon horror horse host
    household housing human hunger ice identity illness immigration impact import improvement inch incident independent index
    individual inflation info initial injury ink innovation input insect insight instance institution instruction
    instrument insurance intelligence interview introduction investment investor iron island jacket jail jewelry joint joke
    journal journalist joy juice jump jury kick king knee knife knowledge labor laboratory lake lamp laptop laugh launch
    laundry layer league leather lecture leg legend length lesson liberty library license lip liquid literature loan
    lobby logic luck lung luxury magazine magic maid mall map marriage mask mass master match math maximum mayor meal meat
    mechanic medal medical medicine melody memorial memory mental menu merchant mess metal meter migration milk mill mine
    minimum mining mirror mission mobile mode mom mood moon moral motion motor mouse mouth mud murder muscle museum mystery
    myth nail navy neck neighbor nerve nest net night nobody noise nomination nose notebook novel nurse nut object ocean
    oil olive orange orbit organ organization origin outcome output oven oxygen pace pack package pain paint pair palace
    panel pants partnership patent path patience pattern peace pedestrian pen penalty pension pepper performance permission
    personal personality pet philosophy physics piano pilot pin pink pipe pitch pizza plane planet plastic plate platform
    pleasure plot pocket poem poet poetry poison pole poll pool pop population port portrait position post pot potato pound
    poverty praise prayer preference pregnancy presence presentation pressure pride priest prime principal print prison
    prize producer profession profile profit progress promise promotion proof proposal prospect psychology publication
    purpose pupil quality quarter queen race rail rain rank rare rating ratio raw recipe recommendation reference reflection
    reform refugee regard register registration regulation relation relationship relief religion remark remedy repair
    reply reporter reputation rescue reservation resident resolution resort resource respect response restaurant retail
    revenue revolution reward rice rifle rights ring risk rival river rocket roof root rope rose round route royal rubber rugby
    rural sail salad salary salesperson salt sample sand satellite satisfaction sauce scale scandal scene schedule scheme
    scholar scholarship scope score screen script sculpture secret secretary sector seed selection self senate sense sensor
    sentence sequence series session setting sex shadow shape sheep sheet shelf shell shelter shift shirt shock shoe shoot shore
    shot shoulder shower sick silence silk singer skill skin sky sleep slide smell smile smoke snow soap soccer soil soldier
    solution sorry soul soup spirit split spokesman spoon spot square stable stadium stair stamp standard star status steak
    steam steel stock stomach stone storage storm strategy straw stream strength stress strike string stripe structure
    studio stuff sugar suit surface surgeon surgery surprise survey survival suspense symbol symptom tail talent tank tape
    target taste taxi telephone television temperature temple tennis tension term territory terror text theater theme theory
    therapy thief thing tip title tobacco tone tongue tool tooth tour tourist tower toy tradition tragedy transition transport
    treasure treaty tree trend tribe trick troop truck trunk truth tube tunnel union universe upper urban user vacation valley
    van vegetable vehicle venture victim victory village violence virus vision vitamin volume wage wallet war ward waste wave wealth
    weapon wedding weight wheel wheat whistle wild wine wing winner wire wisdom witness wolf worry wound wrist writing
    presidential vice vice-president vice-presidential president presidents presidency congressional gubernatorial
    senatorial ministerial residential written yard yellow youth zone unlike beside besides despite beyond amid within
    voice vote wait walk wall warm watch water weather web website week weekend welcome whereas whether while
    white whoever wife wind window winter wish woman women wonder wood work worker write writer yesterday
    """
)
