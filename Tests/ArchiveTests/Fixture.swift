/// Archives made by GNU tar 1.35 and gzip 1.13 (the tars packed by gzip -9), in base64.
enum Fixture {
  /// `tar --format=gnu` of a folder with long names, links, a FIFO and a setuid file.
  static let gnu = bytes(
    """
    H4sIAAAAAAACA+3YT07CQBTH8Vl7ip6Azt/O1r29BNoW0IYmiAnX8SxezIHURIuSNHEG43w/mxIgYfHm/R7zmlJEJwPv3PGpvJPjU53eHwllnb\
    beSyuPn1daO1E4kcDL8365KwqRqUW5KG/rYbuqN9uniPWvrP2o9/QZDoP9chbCafE+1L+m/tE15fL+oWm71XrzmPZVKZBH/Wfnv1EufI38zyT/\
    jZfn+W/I/3+e/9f64cX+sCf4E+f/2P8/5L87y38b/v9J+j+6PkT/DW2Qcf+3hzb+/d9e/v+np/d/byT9n8KB5s+8/7tNN8Tf/12e/9P9nw8JII\
    qK/k9Q//Vy11y7/tV5/TX5n8K67fuBGZBx/p9OQNQ78ez8V0rZ0P8qRThln/99vMXfp/p772fUX3pbiULHP5rsf//C/jcM++/2v3fM/+iy2/4y\
    8qf5H5o/7gyYnf/GVCbMf53iPGQ//4f+7fXa9z87vf8Zzf4vifjVBwAAAAAAAAAAAAAAAAAAwG96B/LsnRQAUAAA
    """)
  /// The same with `--format=pax`.
  static let pax = bytes(
    """
    H4sIAAAAAAACA+2bTW6jQBCFWfsUnMCuruqmk4X3s8wVmIB/ZogZOUTiOjlLLjYNSuQYz9hxkm6wed8GZCxhqXjvdTXl6ewurX/kaZZvH2dZ5A\
    VyJFq3R0f3SGR1pLRhbS3p5nNFWtsorqMAPD1W6db9lGicCMVptX7I58reGiPCzFOjmG9ISCbu6v3BVbp5vRqBiyeb+b9HK3FjmqOyhl6Paqd/\
    p749/btvs4lic0n675rbxdT/nf+nP++zfLFcrX9969kp/xdS+/UXZXQC/w+BEon/pNVqnvmq/smz2eQzIUQIoe/Rv/8Sn+3/IuS+Bv+/ovof83\
    9tTdf/E/cR/D8AbGzv/t/XjadVXY09ewLr/z/+bw78Xzv9E/zfO0W5WWINNeb137v+L6/zYez/KbKC/Mf+H/Cvf0+i39e/Pt7/cXf/n4WQ/yGo\
    oWLk/1v+L9aLchj5z4L+v7/8J300/zXy/4r070n0/9b/x/Z/FUliozhB/of1/1W6zfzW/+P+T/D/ofZ/ePV2Tf7vSfRn+X9y6P+M/i8Eq7woSi\
    gZ/V+b/83D0LwV6zv/mQX7v8h/ECL//Yj+S/0fa+3yX4VYnKD/2/l/sd78Hkj/h/l/+D8IoX9Pou/o31p7jv9zM//N/qMJ/r/n/+Vm6eFxOD3/\
    Kd36K2H4fwjYmLgpeTsDOroJ0E9Nf17V66/Ml+i/4v9iWv1ziEcA/r/z/7J4ee5h/a9U1/+VTuD/QVDmbfy/Kf4E44CjW/97Ev1Z+z8H//9PGP\
    N/QfBffQAAAAAAAAAAQ+AvLgOqugBQAAA=
    """)
  /// The same with `--format=ustar`, without what does not fit.
  static let ustar = bytes(
    """
    H4sIAAAAAAACA+3XUY6CMBQF0H67ClYwvD5e2/XgFARtJHEwYTuzFjcmMv7MmBhNbHHCPT8l8AHkthfqcxUdjZwxl1E7Q9dRT+evlBbD4hwJXa\
    47w0ZlRiVw/OrLw3jLV7wkTQ//M/4TPq+GKn7+cj9//p2/Ji5IZYT8oxtWChbM53Vbd/H734o83v+aCutUZrH+E+TflAc/d/72Nn9G/6fQVCF0\
    +AYsuP+nGfDRD/0b9T+LjOtfpyinxfd/aPe7BPs/557Jn8WqjONPTeSfh26/iTsHns6/MLoY1z+X609f1Zum3cY7Wnz+XTh9z/3/J3///yxj/5\
    9E/PQBAAAAAAAAAABgLmeORWPeACgAAA==
    """)
  /// `tar -cf dot.tar .`
  static let dot = bytes(
    """
    H4sIAAAAAAACA+3WQQ6CMBAF0K49RU/QdmCGnsdEEoyNTbAmXMezeDGRnV1gXLTE8N+mBNj9mekYq4pzMy+ynLP8XJ6JpWHvHS/vvSdWWlQF91\
    s6jlqrMca09t+373/K2H7qy+fP6/k3n/mTY/JKO+Rf3HRQsGPGDsfxVH7+d8wr/d/l/S9C6P8ahj6EiBmw5/5/V4BJU9qw/7P9jxrhVmmqMZx2\
    v/+F8/VSYf/3/pf8uRWlm/KlifxtDM/H1vc/Z/nTXDC4/2sonz4AAAAAAAAAAAAAANT2AuEo/HwAKAAA
    """)
  /// Owner 3000000 and a time before 1970, in pax records.
  static let paxBeforeEpoch = bytes(
    """
    H4sIAAAAAAACA+3TQQrCMBCF4ax7ilzANjNpWl1079IrBFuwoAjaQo9vqYrQnaBC8f82k0wWIRlene3isG1i3Vyu2aE5Hs9pN3Tmo9yoyPOpju\
    bVib7WU19UCjF2MD/QX7t4Ga83/0mC7du68vevT8TbU9eemmolLlG1cdpI+ZxNGhLv7P7R3YTgvaqmQXNdO+/yxGBR6m+F/o38j6ez/IuWzli3\
    pPzPH7cQ0/RJLQAAAAAAAAAAAAAAwGLdAEYIR5kAKAAA
    """)
  /// The same in base-256 numbers.
  static let gnuBeforeEpoch = bytes(
    """
    H4sIAAAAAAACA+3RTQqBURSA4TO2irsBHPrc/SjK4CvFVYaWZmRJpn6LFVDyPLN3/C7Gq2Xfr0dt3+JT8qZ2XRzuMTwd8ynypcbl7ZyT2bTWKB\
    lfsNu2+aaU+FOP+4MAAAAAAAAAAADgx1wBEOML9wAoAAA=
    """)
  /// `tar --sparse --format=gnu`.
  static let sparseGNU = bytes(
    """
    H4sIAAAAAAACA+3QMQrCQBAF0D3KHmE3mexFPEEK60g23t+QUkQLiYW81/yBGRj4/Tav/ZpOVXYt4sjdcx5zncZSxyFatFRq1KGmfEk/cO/bvO\
    ac1mXZ3t192n/VTrxo5JQHAAAAAAAAAAAA/IkH81niMQAoAAA=
    """)
  /// `tar --sparse --format=pax`.
  static let sparsePax = bytes(
    """
    H4sIAAAAAAACA+3UTWrDMBAFYK11Cp9AntFvuvC2zaoUSg8gWi1c4rhILoScvkpCITU0WTQEQt+3kMSMFjbDk2qf4maZ4lvKpS0fMZckLo0qb+\
    1+r+Y76RAEO0NstPXWC2J2OohmI67gs0wx108R/5PWzcPjizpMXg3xfcwdy1m1X9cqSe2Pq+s4pO5wloaPOznFVem3qWOyCxe8NNQMU1+vc7hz\
    zhittXJ1XZAhu+vGk93X37sC/ka1dXDP+7nd96uk2HDQF34IzuSfd+ef+XeOav7pmvnP4ziduneuP/+5G8HyO6SEMAEAAAAAAAAAAAAAAAAAAA\
    DcoC/U6YZxACgAAA==
    """)
  /// `seq 1 3000 | gzip -9n`: dynamic codes.
  static let seq = bytes(
    """
    H4sIAAAAAAACAyXbSWLjsBIE0T1PwwxwAO9/MWWU9tAfEG6L9VjOwbGO67iP53iPfXxHziM5wpF15DpyH3mOvEf2ke/gPMgBB+vgOrgPnoP3YB\
    98xzqPlWP1P3Id6zrWfaznWO+x9rG+4zqPK8fFcfW/8Tqu+7ie43qPax/Xd9zncee4Oe513P0fdB/3c9zvce/j/o7nPJ4cD8ezjuc6nv7vfY7n\
    PZ59PN/xnseb4+V41/Fex3sfb//vvMe7j/c79nnsHJtjr2Nfx76P/Ry7/2/3sb/jO48vx8fxreO7ju8+vuf43uPrZXgbvY6z93H2Qs7eyNkrOX\
    snZy/l7K2cvZaz5+baes6L8+a8Ou/Oy/P2vL7eX3qBwfvtud5heonpLabXmN5jepHpTaZXmd5lliF6rteZ3md6oemNplea3ml6qemtpteay2I9\
    15tNrza92/Ry09tNrze93/SC0xvObdqe6yWnt5xec3rP6UWnN51edXrX6WXn8Weg53rf6YWnN55eeXrn6aWnt55ee3rvef1h6blefXr36eWnt5\
    9ef3r/aYC0QJog25+qnmuFNEPaIQ2RlkhTpC3SGGmNfP74+fPXH8D2oD1oD9qD9qA9aA/ag/Yg/qD2XHvQHrQH7UF70B60B/48+wM9P9E958+0\
    P9T+VPtj7c+1P9jtQXvQHix/9HuuPWgP2oP2oD1oD9qD9qA9uPw30nPtQXvQHrQH7UF70B60B+3B7T+mnmsP2oP2oD1oD9qD9qA9aA8e/9X1XH\
    vQHrQH7UF70B60B+1Be/D6z7Pn2oP2oD1oD9qD9qA9aA/ag+2/455rD9qD9qA9aA/ag/agPWgPPv/B+y++/+TbY7XHao/VHqs9Vnus9ljtsdpj\
    xV8NPdceqz1We6z2WO2x2mO1x2qP1R4Lf4f0XHus9ljtsdpjtcdqj+VvGn/V+Ltmftn0nL9u/H3jLxx/4/grpz1We6z2WO2xLn8r9Vx7rPZY7b\
    HaY7XHao/VHqs9Vnus219fPdceqz1We6z2WO2x2mO1x2qP1R7r8fdcz7XHao/VHqs9Vnus9ljtsdpjtcd6/YXYc+2x2mO1x2qP1R6rPVZ7rPZY\
    7bG2vzl7rj1We6z2WO2x2mO1x2qP1R6rPdbnr1h/x/aXbHtc7XG1x9UeV3tc7XG1x9UeV3tc8Zdxz7XH1R5Xe1ztcbXH1R5Xe1ztcbXHhb+1e6\
    49rva42uNqj6s9rva42uNqj6s9ruWv955rj6s9rva42uNqj8vvAL8E/Bbwa2C+B3rObwK/Cvwu8MugPa72uNrjao+rPa7bL4yea4+rPa72uNrj\
    ao+rPa72uNrjao/r8Zul59rjao+rPa72uNrjao+rPa72uNrjev0K6rn2uNrjao+rPa72uNrjao+rPa72uLbfVT3XHld7XO1xtcfVHld7XO1xtc\
    fVHtfnl5rfav1aa4+7Pe72uNvjbo+7Pe72uNvjbo87fv31XHvc7XG3x90ed3vc7XG3x90ed3vc+D3Zc+1xt8fdHnd73O1xt8fdHnd73O1xL79Q\
    e6497va42+Nuj7s97va42+Nuj7s97stv3p5rj7s97va42+P229mvZ7+f/YL2G3q+onvOL2m/pf2abo+7Pe72uNvjbo+7Pe7H7/Kea4+7Pe72uN\
    vjbo+7Pe72uNvjbo/79Uu/59rjbo+7Pe72uNvjbo+7Pe72uNvj3j4d9Fx73O1xt8fdHnd73O1xt8fdHnd73J+PET5H9EGiPZ72eNrjaY+nPZ72\
    eNrjaY+nPZ74wNFz7fG0x9MeT3s87fG0x9MeT3s87fHgk0nPtcfTHk97PO3xtMfTHk97PO3xtMezfITpufZ42uNpj6c9nvZ42uNpj6c9nvZ4Lp\
    91eq49nvZ42uNpj6c9nvZ42uNpj6c9ntuHop5rj6c9nvZ4fG7ywcknJx+dfHby4WmennrO5ycfoNrjaY+nPZ72eNrjaY+nPZ7Xx6yea4+nPZ72\
    eNrjaY+nPZ72eNrjaY9n+zzWc+3xtMfTHk97PO3xtMfTHk97PO3xfD64+eTWR7f2eNvjbY+3Pd72eNvjbY+3Pd72eOMjXs+1x9seb3u87fG2x9\
    seb3u87fG2x4vPgj3XHm97vO3xtsfbHm97vO3xtsfbHu/yobHn2uNtj7c93vZ42+Ntj7c93vZ42+O9fLrsufZ42+Ntj7c93vZ42+Ntj7c93vZ4\
    bx9De6493vZ42+Ntj7c93vZ42+Ntj7c93sfn1Z5rj7c9Xp9ofaT1mdaHWp9qfaz1uXYebHvOR9v2eNvjbY+3Pd72eNvjbY+3Pd7tE3DPtcfbHm\
    97vO3xtsfbHm97vO3xtsf7+ajss3Iflttjt8duj90euz12e+z22O2x22PHh+qea4/dHrs9dnvs9tjtsdtjt8duj41P3z3XHrs9dnvs9tjtsdtj\
    t8duj90ee/mY3nPtsdtjt8duj90euz12e+z22O2xL5/ne649dnvs9tjtsdtjt8duj90euz327YN/z7XHbo/dHrs9dnvs9tjtsdtjt8d+nBB6rj\
    12e+z22O2x22O3x26P3R67PfbrKNFz7bGdNRw2nDYcN5w3HDicOBw5ZuboufbY7bHbY7fHbo/dHrs9dnvs9tifw4nTSceT9vja42uPrz2+9vja\
    42uPrz2+9vjiGNNz7fG1x9ceX3t87fG1x9ceX3t87fHhvNNz7fG1x9ceX3t87fG1x9ceX3t87fEtB6Oea4+vPb72+Nrja4+vPb72+Nrja4/vco\
    Lqufb42uNrj689vvb42uNrj689vvb4bketnmuPrz2+9vja42uPrz2+9vja42uP73Em67n2+Nrja4+vPb72+Nrja4+vPb72+F6Ht55rj689vvb4\
    2uNrj689vvb42uNrj2875fWcU6BjoHOgg6CToKOgs6DDoNPgjIMzDzoQzkQ4I+HMhDMUzlQ4Y+HMhTMYOhmemRHSTzgcnk6Hp+Ph6Xx4OiCeTo\
    inI+LpjHg6JJ7M1OknnBNPB8XTSfF0VDydFU+HxdNp8XRcPJ0XzzWDqp9wZDydGU+HxtOp8XRsPJ0bTwfH08nxdHQ8r5lt/YTT4+n4eDo/ng6Q\
    pxPk6Qh5OkOeDpGnU+R5zzjsJxwkTyfJ01HydJY8HSZPp8nTcfJ0njwdKM9nJmg/4Ux5OlSeTpWnY+XpXHk6WJ5Olqej5elseb4zdPsJx8vT+f\
    J0wDydME9HzNMZ83TIPJ0yT8fMc8+c7iecNE9HzdNZ83TYPJ02T8fN03nzdOA8nTjPb0b7me0d7m0+DDAOMBAwEjAUMBYwGPDXgD8H+IkBgRGB\
    IYExgUGBUYFhAZsPDIwMDA2MDQwOjA4MD4wPDBCMEAwRjBEMEowSDBOMEwwUjBQMFYwVDBaMFgwXjBcMGIwYDBmMGQwajBoMG4wbDByMHAwdjB\
    0MHoweDB+MHwwgjCAMIYwhDCKMIgwjjCMMJIwkDCWMJQwmjCYMJ4wnDCiMKAwpjCkMKowqDCuMKwwsjCwMLYwtDC6MLgwvjC8MMIwwDDGMMQwy\
    jDIMM+gMERqiNERqiNYQsSFqQ+SG6A0RHKI4RHIIY2c2Vx0iO0R3iPAQ5SHSQxgLGgz6a5CfGA8aEBoRGhIaExoUsrkMER0iQkSUiEgR0SIiRk\
    SNiBwRPSKCRBSJSBLRJCJKRJWILBFdIsJElIlIE9EmIk5EnYg8EX0iAkUUikgU0SgiUkSliEwRnSJCRZSKSBXRKiJWRK2IXBG9IoJFFItIFtEs\
    IlpEtYhsEd0iwkWUi0gX0S4iXkS9iHwR/SICRhSMSBjRMCJiRMWIjBEdI0JGlIxIGdEyImZEzYicET0jgkYUjUga0TQiakTViKwRXSNrxNTm0k\
    a0jYgbUTcib0TfiMARhSMSRzSOiBxROSJzROeI0JE1EjgUOBb4x0A/MRw4HjggOCI4JGhz0SOqR2SP6B4RPqJ8RPqI9hHxI+pH5I/oHxFAooBE\
    AokGEhEkKkhkkOggEUKihEQKiRYSMSRqSOSQ6CERRKKIRBKJJhJRJKpIZJHoIhFGooxEGok2EnEk6kjkkegjEUiikEQiiUYSkSQqSWSS6CQRSq\
    KURCqJVhKxJGpJ5JLoJRFMophEMolmEtEkqklkk+gmEU6inEQ6iXYS8STXOLnN9ZMIKFFQIqFEQ4mIEhUlMkp0lAgpUVIipURLiZgSNSVySvSU\
    CCpRVCKpRFOJqBJVJbJKrnHggeCR4KHgvwX7idHg4eDx4AFhm0ss0VgiskRlicwSnSVCS5SWSC3RWiK2RG2J3BK9JYJLFJdILtFcIrpEdYnsEt\
    0lwkuUl0gv0V4ivkR9ifwS/SUCTBSYSDDRYCLCRIWJDBMdJkJMlJhIMdFiIsZEjYkcEz0mgkwUmUgy0WQiykSViSwTXSbCTJSZSDPRZiLORJ2J\
    PBN9JgJNFJrc83bE5iJNVJrINNFpItREqYlUE60mYk3Umsg10Wsi2ESxiWQTzSaiTVSbyDbRbSLcRLmJdBPtJuJN1JvIN9FvIuBEwYmEEw0nIk\
    7ueQswrwHmPcC8CJg3Af9XAX5iXgbM24B5HWBzQSeKTiSdaDoRdaLqRNaJrhNhJ8pOpJ1oOxF3ou5E3om+E4EnCk8knmg8EXmi8kTmic4ToSdK\
    T6SeaD0Re6L2RO6J3hPBJ4pPJJ9oPhF9ovpE9onuE+Enyk+kn2g/EX+i/kT+if4TASgKUCSgaEARgaICRQbKM+/EbK4ERQqKFhQxKGpQ5KDoQR\
    GEoghFEoomFFEoqlBkoehCEYaiDEUaijYUcSjqUOSh6EMRiKIQRSKKRhSRKCpRZKLoRBGKohRFKopWFLEoalHkouhFEYyiGEUyyjPvgOYl0LwF\
    mtdA8x5oXgT93wT5iXkXNC+DbC4fRT+KgBQFKRJSNKSISFGRIiNFR4qQFCUpUlK0pIhJUZMiJ0VPiqAURSmSUjSliEpRlSIrRVeKsBRlKdJStK\
    WIS1GXIi9FX4rAFIUpElM0pohMUZkiM0VnitAUpSlSU7SmvPMm1OZyU/SmCE5RnCI5RXOK6BTVKbJTdKcIT1GeIj1Fe4r4FPUp8lP0pwhQUaAi\
    QUWDiggVFSoyVHSoCFFRoiJFRYuKGBU1KnJU9KgIUlGkIklFk4ooFVUqslR0qQhTUaYiTUWbijgVdSryVPSpCFR55w3gvAKcd4DzEnDeAs5rwH\
    kP+H8R6CfmVaDNxaqoVZGroldFsIpiFckqmlVEq6hWka2iW0W4inIV6SraVcSrqFeRr6JfRcCKghUJKxpWRKyoWJGxomNFyIqSFSkrWlbErKhZ\
    kbOiZ0XQyp733zbXtCJqRdWKrBVdK8JWlK1IW9G2Im5F3Yq8FX0rAlcUrkhc0bgickXliswVnStCV5SuSF3RuiJ2Re2K3BW9K4JXFK9IXtG8In\
    pF9YrsFd0rwleUr0hf0b4ifkX9ivwV/SsCWBSwSGDRwCKCRQWLDBYdLEJYlLBIYdHCIoZFDYsclj3vf+cF8LwBnlfA8w54XgLPW+B5Dfx/D+wn\
    bC6NRRuLOBZ1LPJY9LEIZFHIIpFFI4tIFpUsMll0sghlUcoilUUri1gWtSxyWfSyCGZRzCKZRTOLaBbVLN9sPdhcOItyFuks2lnEs6hnkc+in0\
    VAi4IWCS0aWkS0qGiR0aKjRUiLkhYpLVpaxLSoaZHToqdFUIuiFkktmlpEtahqkdWiq0VYi7IWaS3aWsS1qGuR16KvRWCLwhaJLRpbRLaobJHZ\
    orNFaIvSFqktWlvEtqhtkduit0Vwi+IWyS2aW0S3qG6R3aK7RXiL8hbpLdpbxLd88/Z/Xv/P+/9ZAJgNgFkBmB2AWQKYLYD/GsDsAbgIMJsAsw\
    owuwCzDDDbALMOMPsAsxDgRoAOhw6HDocOhw6HDocOhw6HDsc5uy4uB+hw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDo\
    cOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6H\
    DocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhwZLZA/msgfmIWQWYTZFZBZhdklkFmG2TWQWye2XBi\
    Nkf8hM11OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dD\
    h0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDhm32cWfmbjZ1Z+\
    Zudnln5m62fWfmbvZxZ/ZvNnVn9m92eWf2b7Z9Z/Zv9nFoBmA2hWgP47QLME9N8C8hOzBzSLQLMJNKtAsws0y0A2n3Wg2QeahaDZCJqVoNkJmq\
    Wg2QqataDZC5rFoNkMmtWg2Q2a5aDZDpr1oNkPmgWh2RCaFaHZEZolodkSmjWh2ROaRaHZFJpVodkVmmWh2RaadaHZF5qFodkYmpWh2RmapaHZ\
    Gpq1odkbmsWh2Rya1aHZHZrlodkemvWh2R+aBaLZIJoVotkhmiWi2SKaNaLZI5pFotkkmlWi2SWaZaLZJpp1otknmoWi2SialSIdDh0OHQ4dDh\
    0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh2ONduMNtfh0OHQ4dDh0OFYswE2K2CzA/ZfAvMTswY2e2CzCDabYLMKZnMdDh0O\
    HQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh\
    0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh2Oa3ZY\
    ba7DocOhw6HDocOhw6HDocOhw6HDocOhw6HDocNxzf7fLADOBuCsAP53AP3EbAHOGuDsAc4ioM11OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OH\
    Q4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0\
    OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ47tlctrkOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw\
    6HDocOhw7HPdufs/45+5+zADoboP8VUD8xS6CzBTproDbX4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ\
    4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDheG\
    Zf3eY6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocz+z+zvLvbP/O+u/s/84C\
    8H8D2E/MDvAsAdtch0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4\
    dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OH452/UrC5DocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6H\
    DocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOxzub37P6Pbvfs/w929+z/j373/8FcD8xK+A21+HQ4dDh0OHQ4d\
    Dh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ\
    4djztyk21+HQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4d\
    Dh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4diz9z+L/7P5P6v/s/s/y/+z/T/r///9fz9hcx0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0O\
    HQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHQ4dDh0OHY5v/iLJ5jocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOh\
    w6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDocOhw6HDoc\
    Ohzf/NXH/NnH/N3H/OHH/OXH/OnH/O3H/PHH/PXH/88/5u8/zuMH408FLUU2AAA=
    """)
  /// The same with `gzip -1`.
  static let seqFast = bytes(
    """
    H4sIAAAAAAAEAyXaS2LkNgJEwT1PU/wAJO5/McWDZpGrTo+NEFXFbJzHddzHc4xjHu/xHes4f8d5Hud1nPdxPsc5jnMe53uc33Gu4/od13lc13\
    Hdx/Uc1ziueVzvcX3HtY77d9zncftH3sf9HPc47nnc73F/x72O53c85/Fcx+P/8TmecTzzeN7j+Y5nHeN3jPMY1zHuY/gXGseYx3iP8R1jHfN3\
    zPOY1zHvYz7H9O87j/ke8zvmOt7f8Z7Hex3vfbzP8Y7j9Z/zHu93vOv4fsd3Ht91fPfxPcc3jm8en//a7/jWsX7HOo91Hes+1nOscax5rPdYDq\
    PTcBw/5/FzID8n8nMkP2fycyg/p/JzLD9/bh+bP9fBdXIdXWfX4XV6HZ/zOx3g6QRPR3g6w9Mhnk7xdIynczwd5OkkT0d5OsvTYZ5O83Scp/M8\
    HejpRE9HejrT06GeTvV0rKdzPR3s6WRPR3s629Phnk73dLyn8z0d8OmET0d8OuPTIZ9O+XTMp3M+HfTppE9HfTrr02GfTvt03KfzPh346cRPR3\
    4689Ohn079dOyncz8d/OnkT0d/OvvT4Z9O/3T8p/M/AZwETgQngxPCSeHEcHI4QZwkThQnixPGSePEcfK4eFw8Lh4Xj4vHxePicfG4eFw8Lh6X\
    n+OLx8Xj4nHxuHhcPC4eVz/P/UDvn2h/rp/pfqj7qe7Hup/rfrB5XDwuHhePi8fF4+Jx8bh4XDwuHhePi8fF4+Jx8bh4XDwuHhePi8fF4+Jx8b\
    h4XDwuHhePi8fF4+Jx8bh4XDwuHhePi8fF4+Jx8bh4XDwuHhePi8fF4+Jx8bh4XDwuHhePi8fF4+Jx8bh4XDwuHhePi8fF4+Jx8bh4XDwuHheP\
    i8fF4+Jx87h53DxuHjePm8fN4+Zx87h53DxuHjePm8fN4+Zx87h53DxuHjePm8ft+bh53DxuHjePm8fN4+43Tb9q+l2zf9n4c/266fdNv3D6jd\
    OvHB43j5vHzePmcfO4edw8bh43j5vHzePmcfO4edw8bh43j5vHzePmcfO4edw8bh43j5vHzePmcfO4edw8bh43j5vHzePmcfO4edw8bh43j5vH\
    zePmcfO4edw8bh43j5vHzePmcfO4edw8bh43j5vHzePm8fB4eDw8Hh4Pj4fHw+Ph8fB4eDw8Hh4Pj4fHw+Ph8fB4eDw8Hh4Pj4fHw+Ph8fB4eD\
    w8Hh4Pj4fHw+Ph8fB4PB8Pj4fHw+Ph8fB4+gzoQ6BPgT4G9ueAP9cnQR8FfRb0YcDj4fHweHg8PB4eD4+Hx8Pj4fHweHg8PB4eD4+Hx8Pj4fHw\
    eHg8PB4eD4+Hx8Pj4fHweHg8PB4eD4+Hx8Pj4fHweHg8PB4eD4+Hx8Pj4fHweHg8PB4eD4+Hx8Pj4fHwGDwGj8Fj8Bg8Bo/BY/AYPAaPwWPwGD\
    wGj8Fj8Bg8Bo/BY/AYPAaPwWPwGDwGj8Fj8Bg8Bo/BY/AYPAaPwWPwGDwGj8Fj8Bg8Bo/BY/AYno/BY/AYPAaPwWPwGDwGj8Fj8Bg8Bo/BY/AY\
    PAaPwWPwGDwGj8Fj8Bg8Bo/BY/AYPAaPwWPwGDwGj8Fj8Bg8Bo/BY/AYPAaPwWPwGDwGj8Fj8Bg8Bo/BY/AYPAaPwWPwGDwmj8lj8pg8Jo/JY/\
    KYPCaPyWPymDwmj8lj8pg8Jo/JY/KYPCaPyWPymDwmj8lj8pg8Jo/JY/KYPCaPyWPymDwmj8lj8pg8Jo/JY/KYPCaPyWPymDwmj8lj8pg8Jo/J\
    Y/KYPCaPyWPymDwmj8lj8pg8Jo/JY/KYPCaPyWPymDwmj8lj8pg8Jo/JY/KYPCaPyWPymDwmj8lj8pg8Jo/JY/KYPCaPyWPymDwmj8lj8pg8Xh\
    4vj5fHy+Pl8fJ4ebw8Xh4vj5fHy+Pl8fJ4ebw8Xh4vj5fHy+Pl8fJ4ebw8Xh4vj5fHy+Pl8fJ4ebw8Xh4vj5fHy+Pl8fJ4ebw8Xh4vj5fHy+Pl\
    8fJ4ebw8Xh4vj5fHy+Pl8fJ4ebw8Xh4vj5fHy+Pl8fJ4ebw8Xh4vj5fHy+Pl8fJ4ebw8Xh4vj5fHy+Pl8fJ4ebw8Xh4vj5fHy+Pl8fJ4ebw8Xh\
    4vj5fHy+Pl8fJ4ebw8Xh4vj5fHy+Pj8fH4eHw8Ph4fj4/Hx+Pj8fH4eHw8Ph4fj4/Hx+Pj8fH4eHw8Ph4fj4/Hx+Pj8fH4eHw8Ph4fj4/Hx+Pj\
    8fH4eHw8Ph4fj4/Hx+Pj8fH4eHw8Ph4fj4/Hx+Pj8fH4eHw8Ph4fj4/Hx+Pj8fH4eHw8Ph4fj4/Hx+Pj8fH4eHw8Ph4fj4/Hx+Pj8fH4eHw8Ph\
    4fj4/Hx+Pj8fH4eHw8Ph4fj4/Hx+Pj8fH4eHw8Ph4fj4/Hx+Pj8fH4eHw8Fo/FY/FYPBaPxWPxWDwWj8Vj8Vg8Fo/FY/FYPBaPxWPxWDwWj8Vj\
    8Vg8Fo/FY/FYPBaPxWPxWDwWj8Vj8Vg8Fo/FY/FYPBaPxWPxWDwWj8Vj8Vg8Fo/FY/FYPBaPxWPxWDwWj8Vj8Vg8Fo/FY/FYPBaPxWPxWDwWj8\
    Vj8Vg8Fo/FY/FYPBaPxWPxWDwWj8Vj8Vg8Fo/FY/FYPBaPxWPxWDwWj8Vj8Vg8Fo/FY/FYPLwPelH5ERFeVX5MhJeVHxXhdeXHRXhh+ZHx9liD\
    jahBR9TgI2oQEjUYedesQUnU4CRqkBI1WIkatLyZ1uAlahATNZiJGtREDW7eY2uQEzXYiRr0RA1+ogZBb701GIoaFEUNjqIGSVGDpXfkGjRFDZ\
    6iBlFRg6moQdUbdQ2uogZZUYOtqEFX1ODr/bsGYVGDsahBWdTgLGqQ9rZeg7WoQVvU4C1qEBc1MudYaDjtQsOZFBr+zQsN//yiRub+V9TI/H8S\
    yPx/FMj8fxbIfA8DexnY08DeBvY4sNeBPQ/sfWAPBHsh2BPB3gj2SLBXgj0T7J1gDwV7KdhTwd4K9liw14I9F+y9YA8GezHYk8HeDPZosFeDPR\
    vs3WAPB3s52NPB3g72eLDXgz0f7P1gDwh7QdgTwt4Q9oiwV4Q9I+wdYQ8Je0nYU8LeEvaYsNeEPSfsPWEPCntR2JPC3hT2qLBXhT0r7F1hDwt7\
    WdjTwt4W9riw14U9L+x9YQ8Me2HYE8PeGPbIsFeGPTO0M+Ag2NIgCLY1COatDYJ5e4Ng3uLArkbmjQ6iRs95u4OokXnTg6jRc976IGr0nDdAiB\
    o9520QokbPeTOEqNFz3hIhavScN0aIGj3n7RF+hGr0nDdJiBo9560SokbPecOEqNFz3jYhavScN0+IGj3nLRSiRs95I4Wo0XPeTiFq9Jw3VYga\
    PeetFX6Sa/ScN1iIGj3nbRaiRs95s4Wo0XPeciFq9Jw3XogaPeftF6JGz3kThqjRc96KIWr0nDdkiBo9520ZHiiN1gyh0Z4hNFo0hEabhtBo1f\
    D01ci8YUPUyLxtQ9TIvHlD1Mi8hUPUyLyRQ9TIvJ1D1Mi8qUPUyPzOvLlD1Mi8xUPUyLzRQ9TIvN1D1Mi86UPUyLz1w2+MGpk3gIgambeBiBqZ\
    N4OIGpm3hIgamTeGiBqZt4eIGpk3iYgambeKiBqZN4yIGpm3jfjFVSPz5hFRI/MWElEj80YSUSPzdhJRI/OmElEj89YSUSPzBhOh0WQiNBpNhE\
    azidBoOBE1Mm87ETUybz4RNTJvQRE1Mm9EETUyb0cRNTJvShE1Mm9N8Zu5RuYNKqJG5m0qokbmzSqiRuYtK6JG5k/mrSuiRuYNLKJG5m0sokbm\
    zSyiRuYtLaJG5o0tokbm7S2iRuZNLqJG5q0uPk1qZN7wImpk3vYiamTe/CJqZN4CI2pk3ggjamTeDiNqZN4UI2pk3hojamTeICNqZN4m40NNo1\
    VGaLTLCI2WGaHRNiM0Wmd8AtbIvIFG1Mi8jUbUyLyZRtTIvKVG1Mi8sUbUyLy9RtTIvMlG1Mi81UbUyLzhRtTIvO3GB3GNzJtvRI3MW3BEjcwb\
    cUSNzNtxRI3Mm3JEjcxbc0SNzBt0RI3M23REjcybdUSNzFt2fB+okXnjjqiRefuOqJF5E4+okXkrj6iReUOPqJF5W4+okXlzj6iReYuPqJF5o4\
    +okXm7j68lGi0/QqPtR2i0/giN9h+h0QLkO0yNzBuBRI3M24FEjcybgkSNzFuDRI3MG4REjczbhESNzJuFRI3MW4ZEjcwbh0SNzNuHfJWqkXkT\
    kaiReSuRqJF5Q5GokXlbkaiReXORqJF5i5GokXmjkaiRebuRqJF505GokXnrkW90NTJvQBI1Mm9DEjUyb0YSNTJvSRI1Mm9MEjUyb08SNTJvUh\
    I1Mm9VEjUyb1gSNTJvW/LFUqN1SWi0LwmNFiah0cYkNFqZfAutkXlDk6iReVuTqJF5c5OokXmLk6iReaOTqJF5u5OokXnTk6iReeuTqJF5A5So\
    kXkblC/DNTJvhhI1Mm+JEjUyb4wSNTJvjxI1Mm+SEjUyb5USNTJvmBI1Mm+bEjUyb54SNTJvofKdvEbmjVSiRubtVKJG5k1VokbmrVWiRuYNVq\
    JG5m1WokbmzVaiRuYtV6JG5o1Xokbm7VdeDTRasIRGG5bQaMUSGu1YQqMly3tEjcwbs0SNzNuzRI3Mm7REjcxbtUSNzBu2RI3M27ZEjcybt0SN\
    zFu4RI3MG7lEjczbubzO1Mi8qUvUyLy1S9TIvMFL1Mi8zUvUyLzZS9TIvOVL1Mi88UvUyLz9S9TIvAlM1Mi8FcxbVY3MG8JEjczbwkSNzJvDRI\
    3MW8REjcwbxUSNzNvFRI3Mm8ZEjcxbx0SNzBvIRI3M28i83Gm0kgmNdjKh0VImNNrKhEZrmTfBGpk3mIkambeZiRqZN5uJGpm3nIkamTeeiRqZ\
    t5+JGpk3oYkambeiiRqZN6SJGpm3pXkhrZF5c5qokXmLmqiReaOaqJF5u5qokXnTmqiReeuaqJF5A5uokXkbm6iReTObqJF5S5v34hqZN7aJGp\
    m3t4kamTe5iRqZt7qJGpk3vIkambe9iRqZN7+JGpm3wIkamTfCiRqZt8N5PfcX1O1wwl9Rt8MJf0ndDif8NXU7nPAX1e1w3uVrMBc1mIsazEUN\
    5qIGcy/+NZiLGsxFDeaiBnNRg7mVoAZzUYO5qMFc1GAuajA3KdRgLmowFzWYixrMRQ3m9ocazEUN5qIGc1GDuajB3FhRg7mowVzUYC5qMBc1mF\
    s2ajAXNZiLGsxFDeaiBnMzSA3mogZzUYO5qMFc1GBuM6nBXNRgLmowFzWYixqZt8MJjXY4odEOJzTa4YRGO5yokbmVraiReTucqJF5t3NEjcxt\
    OUWNzI0oRY3MrRdFjczNBiJzL/dFjcy9VRc1Mvc6W9TI3HtkUSNzL3BFjcy9ORU1MvfKIjL3YlHUyNw3+qJG5r5KFzUy9x22qJG5L49Fjcx9ay\
    tqZO7rksjcl5qiRua+TRQ1MvcxXtTI3OdnUSNzH1xFjcx9YhQ1MverWmTuF2pRI3O/yYoamfsVUtTI3LNbaHjCCg3PQaHhp7XQ8DNV1MgcZlEj\
    c6dY1Mjcv35RI3O9okbm//eAMv+/CZT5/12gzPdtoH0daN8H2heC9o2gfSVo3wnal4L2raB9LWjfC9oXg/bNoH01aN8N2peD9u2gfT1o3w/aF4\
    T2DaF9RWjfEdqXhPYtoX1NaN8T2heF9k2hfVVo3xXal4X2baF9XWjfF9oXhvaNoX1laN8Z2peG9q2hfW1o3xvaF4f2zaF9dWjfHdqXh/btoX19\
    aN8f2heI9g2ifYVo3yHal4j2LaJ9jWjfI9oXifZNon2VaN8l2peJ9m2ifZ1o3yfaF4r2jaJ9pagdzuHyaIcTPNrhBI92OMGjHU7waIcjUSPzdj\
    hRI/N2OFEj83Y4USPzdjhRo+e8HU7UyLwdTtToOW+HEzV6ztvhRI2e83Y4UaPnvB3OD0SNnvN2OFGj57wdTtToOW+HEzV6ztvhRI2e83Y4UaPn\
    vB1O1Og5b4cTNXrO2+FEjZ7zdjhRo+e8Hc7PZY2e83Y4UaPnvB1O1Og5b4cTNXrO2+FEjZ7zdjhRo+e8HU7U6DlvhxM1es7b4USNnvN2OFGj57\
    wdzuOh0Q4nNNrhhEY7nNBohxMa7XCepRqZt8OJGpm3w4kambfDiRqZt8OJGpm3w4kambfDiRqZt8OJGpm3w4kambfDiRqZt8N5pGtk3g4namTe\
    DidqZN4OJ2pk3g4namTeDidqZN4OJ2pk3g4namTeDidqZN4OJ2pk3g7nN0uNzNvhRI3M2+FEjczb4USNzNvhRI3M2+FEjczb4USNzNvhRI3M2+\
    FEjczb4USNzNvh/ILTaIcTGu1wQqMdTmi0wwmNdji/DWtk3g4namTeDidqZN4OJ2pk3g4namTeDidqZN4OJ2pk3g4namTeDidqZN4OJ2pk3g7n\
    l3KNzNvhRI3M2+FEjczb4USNzNvhRI3M2+FEjczb4USNzNvhRI3M2+FEjczb4USNzNvhfDbUyLwdTtTIvB1O1Mi8HU7UyLwdTtTIvB1O1Mi8HU\
    7UyLwdTtTIvB1O1Mi8HU7UyLwdzkeURjuc0GiHExrtcEKjHU5otMP5PKuReTucqJF5O5yokXk7nKiReTucqJF5O5yokXk7nKiReTucqJF5O5yo\
    kXk7nKiReTucj9UambfDiRqZt8OJGpm3w4kambfDiRqZt8OJGpm3w4kambfDiRqZt8OJGpm3w4kambfD+XSvkXk7nKiReTucqJF5O5yokXk7nK\
    iReTucqJF5O5yokXk7nKiReTucqJF5O5yokXk7nC8ZGu1wQqMdTmi0wwmNdjih0Q7nG0mNzNvhRI3M2+FEjczb4USNzNvhRI3M2+FEjczb4USN\
    zNvhRI3M2+FEjczb4USNzNvhfDGqkXk7nKiReTucqJF5O5yokXk7nKiReTucqJF5O5yokXk7nKiReTucqJF5O5yokXk7nO9nNTJvhxM1Mm+HEz\
    Uyb4cTNTJvhxM1Mm+HEzUyb4cTNTJvhxM1Mm+HEzUyb4cTNTJvh/M1UaMdTmi0wwmNdjih0Q4nNNrhfKeskXk7nKiReTucqJF5O5yokXk7nKiR\
    eTucqJF5O5yokXk7nKiReTucqJF5O5yokXk7nK+2NTJvhxM1Mm+HEzUyb4cTNTJvhxM1Mm+HEzUyb4cTNTJvhxM1Mm+HEzUyb4cTNTJvh/MNu0\
    bm7XCiRubtcKJG5u1wokbm7XCiRubtcKJG5u1wokbm7XCiRubtcKJG5u1wokbm7XC+6Gu0wwmNdjih0Q4nNNrhhEY7nLeCGpm3w4kambfDiRqZ\
    t8OJGpm3w4kambfDiRqZt8OJGpm3w4kambfDiRqZt8OJGpm3w3k5qZF5O5yokXk7nKiReTucqJF5O5yokXk7nKiReTucqJF5O5yokXk7nKiReT\
    ucqJF5O5x3pBqZt8OJGpm3w4kambfDiRqZt8OJGpm3w4kambfDiRqZt8OJGpm3w4kambfDiRqZt8N5Vfsdf+NPBS1FNgAA
    """)
  /// `(echo one | gzip; echo two | gzip)`.
  static let twoMembers = bytes(
    """
    H4sIAAAAAAAAA8vPS+UCAJ+oF/gEAAAAH4sIAAAAAAAAAyspz+cCAHQIF5YEAAAA
    """)
  /// A file `named` with its name and time in the header.
  static let named = bytes(
    """
    H4sICKapBWsAA25hbWVkAMtLzE1N4QIA3PB6QQYAAAA=
    """)
  /// 200 random bytes (stored).
  static let noise = bytes(
    """
    H4sIAAAAAAAAAwHIADf/RCCCPP3m8cJrMPkOx90B5Ih1NKIPCw0Ew27YDnHg/XewdnDrlAvVM1+XParYYZuR/8kR9XzO1Fi7vyzgN1PJvfoP8B\
    adyVdWdAZmds+wtOuJAsRCadoc9rpm0/i21LEAqeoOdVpcLoIQJCoI5wePf4k4XrCUI1VRglaLluik/vI6DJ/Fr9dghDeBa90KcwnLShJS5Npw\
    5nIPyqTaHphAbBicJCeemFHVgUIEE2/rVxPBZrEyad1j/DXHl/8Ips2QCVBmp0Wt220Fsz+ByAAAAA==
    """)

  private static func bytes(_ base64: String) -> [UInt8] {
    var out: [UInt8] = []
    var (bits, count) = (0, 0)
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    for character in base64.utf8 {
      guard let value = alphabet.firstIndex(of: character) else { continue }
      bits = (bits << 6 | value) & 0xffff
      count += 6
      if count >= 8 {
        count -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> count))
      }
    }
    return out
  }
}
